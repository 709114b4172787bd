"""What networks of every sort need: the training engine, weights in files, tiles, tensors, VGG16's features."""
