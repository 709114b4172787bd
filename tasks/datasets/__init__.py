"""What the datasets of all kinds share: sample photographs, a user's folders, crops and the split, the images themselves."""
