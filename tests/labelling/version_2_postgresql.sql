CREATE TABLE public.loupe_batch_items (
    batch character varying(64) NOT NULL,
    "position" integer NOT NULL,
    item character varying(64) NOT NULL
);
CREATE TABLE public.loupe_batch_pairs (
    batch character varying(64) NOT NULL,
    "position" integer NOT NULL,
    pair character varying(64) NOT NULL
);
CREATE TABLE public.loupe_batches (
    id character varying(64) NOT NULL,
    round character varying(200) NOT NULL,
    kind character varying(40) NOT NULL,
    votes_per_pair integer NOT NULL,
    question text NOT NULL,
    task character varying(20) DEFAULT 'pairs'::character varying NOT NULL,
    size integer
);
CREATE TABLE public.loupe_observers (
    id character varying(64) NOT NULL,
    name character varying(200) NOT NULL,
    role character varying(20) NOT NULL,
    serial integer NOT NULL,
    added_at character varying(40) NOT NULL,
    revoked_at character varying(40)
);
CREATE TABLE public.loupe_pairs (
    key character varying(64) NOT NULL,
    low character varying(64) NOT NULL,
    high character varying(64) NOT NULL
);
CREATE TABLE public.loupe_pictures (
    sha256 character varying(64) NOT NULL,
    png bytea NOT NULL
);
CREATE TABLE public.loupe_ratings (
    seq integer NOT NULL,
    id character varying(200) NOT NULL,
    item character varying(64) NOT NULL,
    observer character varying(200) NOT NULL,
    kind character varying(40) NOT NULL,
    content text NOT NULL,
    round character varying(200) NOT NULL,
    seconds double precision,
    reviews character varying(200),
    verdict character varying(20),
    made_at character varying(40) NOT NULL,
    batch character varying(64)
);
CREATE SEQUENCE public.loupe_ratings_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.loupe_ratings_seq_seq OWNED BY public.loupe_ratings.seq;
CREATE TABLE public.loupe_retractions (
    seq integer NOT NULL,
    vote character varying(200) NOT NULL,
    at character varying(40) NOT NULL
);
CREATE SEQUENCE public.loupe_retractions_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.loupe_retractions_seq_seq OWNED BY public.loupe_retractions.seq;
CREATE TABLE public.loupe_rounds (
    round character varying(200) NOT NULL,
    batch character varying(64) NOT NULL,
    options text DEFAULT '{}'::text NOT NULL
);
CREATE TABLE public.loupe_schema (
    version integer NOT NULL
);
CREATE TABLE public.loupe_secrets (
    name character varying(40) NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE public.loupe_sizes (
    picture character varying(64) NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL
);
CREATE TABLE public.loupe_skips (
    seq integer NOT NULL,
    round character varying(200) NOT NULL,
    observer character varying(200) NOT NULL,
    subject character varying(200) NOT NULL,
    at character varying(40) NOT NULL
);
CREATE SEQUENCE public.loupe_skips_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.loupe_skips_seq_seq OWNED BY public.loupe_skips.seq;
CREATE TABLE public.loupe_sources (
    subject character varying(64) NOT NULL,
    "position" integer NOT NULL,
    name character varying(200) NOT NULL,
    picture character varying(64) NOT NULL
);
CREATE TABLE public.loupe_trials (
    seq integer NOT NULL,
    id character varying(200) NOT NULL,
    pair character varying(64) NOT NULL,
    observer character varying(200) NOT NULL,
    kind character varying(40) NOT NULL,
    preferred character varying(64) NOT NULL,
    "left" character varying(64) NOT NULL,
    round character varying(200) NOT NULL,
    seconds double precision,
    made_at character varying(40) NOT NULL,
    batch character varying(64),
    purpose character varying(20) NOT NULL,
    after integer NOT NULL
);
CREATE SEQUENCE public.loupe_trials_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.loupe_trials_seq_seq OWNED BY public.loupe_trials.seq;
CREATE TABLE public.loupe_votes (
    seq integer NOT NULL,
    id character varying(200) NOT NULL,
    pair character varying(64) NOT NULL,
    observer character varying(200) NOT NULL,
    kind character varying(40) NOT NULL,
    preferred character varying(64) NOT NULL,
    "left" character varying(64) NOT NULL,
    round character varying(200) NOT NULL,
    seconds double precision,
    made_at character varying(40) NOT NULL,
    batch character varying(64)
);
CREATE SEQUENCE public.loupe_votes_seq_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.loupe_votes_seq_seq OWNED BY public.loupe_votes.seq;
ALTER TABLE ONLY public.loupe_ratings ALTER COLUMN seq SET DEFAULT nextval('public.loupe_ratings_seq_seq'::regclass);
ALTER TABLE ONLY public.loupe_retractions ALTER COLUMN seq SET DEFAULT nextval('public.loupe_retractions_seq_seq'::regclass);
ALTER TABLE ONLY public.loupe_skips ALTER COLUMN seq SET DEFAULT nextval('public.loupe_skips_seq_seq'::regclass);
ALTER TABLE ONLY public.loupe_trials ALTER COLUMN seq SET DEFAULT nextval('public.loupe_trials_seq_seq'::regclass);
ALTER TABLE ONLY public.loupe_votes ALTER COLUMN seq SET DEFAULT nextval('public.loupe_votes_seq_seq'::regclass);
INSERT INTO public.loupe_batch_items VALUES ('8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991', 0, 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2');
INSERT INTO public.loupe_batch_items VALUES ('8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991', 1, '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7');
INSERT INTO public.loupe_batch_pairs VALUES ('6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 0, 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d');
INSERT INTO public.loupe_batch_pairs VALUES ('6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 1, '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15');
INSERT INTO public.loupe_batch_pairs VALUES ('6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 2, 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490');
INSERT INTO public.loupe_batch_pairs VALUES ('6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 3, '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983');
INSERT INTO public.loupe_batch_pairs VALUES ('391c0d08177c185f18582475335724ee7fcb33ad665e52976d1ddbaa7c17ee3e', 0, 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d');
INSERT INTO public.loupe_batch_pairs VALUES ('391c0d08177c185f18582475335724ee7fcb33ad665e52976d1ddbaa7c17ee3e', 1, '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15');
INSERT INTO public.loupe_batch_pairs VALUES ('391c0d08177c185f18582475335724ee7fcb33ad665e52976d1ddbaa7c17ee3e', 2, 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490');
INSERT INTO public.loupe_batch_pairs VALUES ('35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6', 0, 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d');
INSERT INTO public.loupe_batch_pairs VALUES ('35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6', 1, '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15');
INSERT INTO public.loupe_batch_pairs VALUES ('fba76a46bff84938248b365a425e4f367a1aa803a1c0676aa5f0e5a0b5025777', 0, 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490');
INSERT INTO public.loupe_batch_pairs VALUES ('fba76a46bff84938248b365a425e4f367a1aa803a1c0676aa5f0e5a0b5025777', 1, '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983');
INSERT INTO public.loupe_batch_pairs VALUES ('555c4ff3402cdfecf841cfd3a63014812c7986d3b5d711daafd56f41e0f2cb79', 0, 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490');
INSERT INTO public.loupe_batch_pairs VALUES ('555c4ff3402cdfecf841cfd3a63014812c7986d3b5d711daafd56f41e0f2cb79', 1, '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983');
INSERT INTO public.loupe_batch_pairs VALUES ('c7abf20fa02ef050edb9e46ec389f8a3755205e1087ec0125304366c4531f863', 0, '228614aef7acdf61206451883bffa1550dd6fbbec077941d9bd64eb8367bfc2b');
INSERT INTO public.loupe_batches VALUES ('6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 'r01', 'people', 2, 'Which picture looks better overall?', 'pairs', 4);
INSERT INTO public.loupe_batches VALUES ('391c0d08177c185f18582475335724ee7fcb33ad665e52976d1ddbaa7c17ee3e', 'r02', 'people', 1, 'Which picture  looks better overall?', 'pairs', 3);
INSERT INTO public.loupe_batches VALUES ('35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6', 'noise', 'people', 1, 'Which has more noise?', 'pairs', 2);
INSERT INTO public.loupe_batches VALUES ('fba76a46bff84938248b365a425e4f367a1aa803a1c0676aa5f0e5a0b5025777', 'twice', 'people', 1, 'Which is sharper?', 'pairs', 2);
INSERT INTO public.loupe_batches VALUES ('555c4ff3402cdfecf841cfd3a63014812c7986d3b5d711daafd56f41e0f2cb79', 'twice', 'people', 1, 'Which has more noise?', 'pairs', 2);
INSERT INTO public.loupe_batches VALUES ('c7abf20fa02ef050edb9e46ec389f8a3755205e1087ec0125304366c4531f863', 'only', 'people', 1, 'Which is darker?', 'pairs', 1);
INSERT INTO public.loupe_batches VALUES ('8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991', 'fusion', 'people', 2, 'How good?', 'ratings', 2);
INSERT INTO public.loupe_observers VALUES ('a1f71e878500d74bf6b00841bc00776a', 'anna', 'observer', 1, '2026-11-25T10:17:48.363+00:00', NULL);
INSERT INTO public.loupe_observers VALUES ('bc1dde9fdea4141aa3f49bbc461a0462', 'Anna', 'expert', 1, '2026-11-25T10:17:48.366+00:00', NULL);
INSERT INTO public.loupe_observers VALUES ('7fca61284c76e3d85b4b82112000eddb', 'berta', 'observer', 1, '2026-11-25T10:17:48.367+00:00', '2026-11-25T10:17:48.369+00:00');
INSERT INTO public.loupe_observers VALUES ('3159152c835a3dbfabc3b076277b6f06', 'eva', 'expert', 1, '2026-11-25T10:17:48.371+00:00', NULL);
INSERT INTO public.loupe_observers VALUES ('b014e2d74f5b1facb6b58f9600a224f5', 'manager', 'manager', 1, '2026-11-25T10:17:48.373+00:00', NULL);
INSERT INTO public.loupe_pairs VALUES ('f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2');
INSERT INTO public.loupe_pairs VALUES ('63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'a38f49a26021d0d76d91f18cac348fee5014e232ba9af4737b777bab7341bd0d');
INSERT INTO public.loupe_pairs VALUES ('ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490', '0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', '7ea8825153398cd66fecdfbecea6b8c55a8d8e4b4f3617fd0ed73c86a4187016');
INSERT INTO public.loupe_pairs VALUES ('6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983', '5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', '9d6b0b15033ee597100bf405691bcf63378c93dabcf165dc255f659c18ecac0f');
INSERT INTO public.loupe_pairs VALUES ('228614aef7acdf61206451883bffa1550dd6fbbec077941d9bd64eb8367bfc2b', '9c52aa4911d83d2e932ee39f4f5e8a552b522a6f377f6236ec7b8df087ebbbe9', 'bcba1ddfce5f1beffa320479239ea36d0126e30e735571c5c2c3d011953b5947');
INSERT INTO public.loupe_pictures VALUES ('ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000000d49444154789c63601805c40000012800014d4bcff90000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c636464646420049808aa18f68a000dda001375b924c30000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('d1714f0ce7b686c5fb785f0640dbe9d76a7a12d3041b23e543b5beff441b4419', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c633432326220049808aa18f68a00b6ac00a6d1c398c60000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('9bac3c0577c230943b0bd97da44a2cd73a1eff527561722e12250df0116c00cd', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c633436366620049808aa18f68a00ba1e00a98a91b66e0000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001349444154789c6364626262200408ab18f68a00114c0016ecb67f7e0000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('a38f49a26021d0d76d91f18cac348fee5014e232ba9af4737b777bab7341bd0d', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c636466666620049808aa18f68a0014be001939ebe66b0000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c636461616120049808aa18f68a001830001cebc9c6790000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('7ea8825153398cd66fecdfbecea6b8c55a8d8e4b4f3617fd0ed73c86a4187016', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c636465656520049808aa18f68a001ba2001fd903f24c0000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c636463636320049808aa18f68a001f14002246735d080000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('9d6b0b15033ee597100bf405691bcf63378c93dabcf165dc255f659c18ecac0f', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c636467676720049808aa18f68a0022860025632022b60000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('bcba1ddfce5f1beffa320479239ea36d0126e30e735571c5c2c3d011953b5947', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c638c8a8a6220049808aa18f68a00408b011e655c0e630000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('9c52aa4911d83d2e932ee39f4f5e8a552b522a6f377f6236ec7b8df087ebbbe9', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c638c8e8e6620049808aa18f68a0043fd0121d6123ead0000000049454e44ae426082');
INSERT INTO public.loupe_pictures VALUES ('b60ce6c2017864d599d320308056db7a31b90a9c56ef18b41f1fc4aa93d44719', '\x89504e470d0a1a0a0000000d494844520000000c000000080802000000428689a60000001449444154789c633431316120049808aa18f68a00bd9000ac8fb2117d0000000049454e44ae426082');
INSERT INTO public.loupe_ratings VALUES (1, 'rating-1', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 'anna', 'people', '{"scores": {"old": 3}, "circles": [], "note": ""}', 'fusion', 3.5, NULL, NULL, '2026-11-25T10:17:48.460+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_ratings VALUES (2, 'rating-2', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 'anna', 'people', '{"scores": {"thermal": 3, "sharpness": 4}, "circles": [[3, 4, 2]], "note": "halo"}', 'fusion', 3.5, NULL, NULL, '2026-11-25T10:17:48.467+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_ratings VALUES (3, 'rating-3', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'anna', 'people', '{"scores": {"thermal": 1, "sharpness": 1}, "circles": [], "note": ""}', 'fusion', 3.5, NULL, NULL, '2026-11-25T10:17:48.467+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_ratings VALUES (4, 'rating-4', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 'gpt', 'llm', '{"scores": {"thermal": 5, "sharpness": 5}, "circles": [], "note": ""}', 'fusion', 3.5, NULL, NULL, '2026-11-25T10:17:48.467+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_ratings VALUES (5, 'review-1', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 'eva', 'people', '{"scores": {"thermal": 3, "sharpness": 4}, "circles": [[3, 4, 2]], "note": ""}', 'fusion', 3.5, 'rating-2', 'accepted', '2026-11-25T10:17:48.473+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_ratings VALUES (6, 'review-2', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'eva', 'people', '{"scores": {}, "circles": [], "note": ""}', 'fusion', 3.5, 'rating-3', 'rejected', '2026-11-25T10:17:48.473+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_ratings VALUES (7, 'review-3', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 'eva', 'people', '{"scores": {"thermal": 2, "sharpness": 2}, "circles": [], "note": ""}', 'fusion', 3.5, 'rating-4', 'corrected', '2026-11-25T10:17:48.473+00:00', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991');
INSERT INTO public.loupe_retractions VALUES (1, 'vote-02', '2026-11-25T10:17:48.404+00:00');
INSERT INTO public.loupe_retractions VALUES (2, 'review-2', '2026-11-25T10:17:48.475+00:00');
INSERT INTO public.loupe_rounds VALUES ('r01', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', '{"allow_tie": true, "allow_unsure": true, "criteria": [], "repeats": 0.25, "training": 1}');
INSERT INTO public.loupe_rounds VALUES ('r02', '391c0d08177c185f18582475335724ee7fcb33ad665e52976d1ddbaa7c17ee3e', '{"allow_tie": false, "allow_unsure": false, "criteria": [], "repeats": 0.0, "training": 0}');
INSERT INTO public.loupe_rounds VALUES ('noise', '35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6', '{"allow_tie": false, "allow_unsure": false, "criteria": [], "repeats": 0.0, "training": 0}');
INSERT INTO public.loupe_rounds VALUES ('twice', '555c4ff3402cdfecf841cfd3a63014812c7986d3b5d711daafd56f41e0f2cb79', '{"allow_tie": false, "allow_unsure": false, "criteria": [], "repeats": 0.0, "training": 0}');
INSERT INTO public.loupe_rounds VALUES ('only', 'c7abf20fa02ef050edb9e46ec389f8a3755205e1087ec0125304366c4531f863', '{"allow_tie": false, "allow_unsure": false, "criteria": [], "repeats": 0.0, "training": 0}');
INSERT INTO public.loupe_rounds VALUES ('fusion', '8de226107089cc0eb7d352dc94c57d5277767ef77ff4b831b109f4b08bee2991', '{"allow_tie": false, "allow_unsure": false, "criteria": [{"name": "thermal", "scale": ["1", "2", "3", "4", "5"], "title": "Thermal"}, {"name": "sharpness", "scale": ["1", "2", "3", "4", "5"], "title": "Sharpness"}], "repeats": 0.0, "training": 0}');
INSERT INTO public.loupe_schema VALUES (2);
INSERT INTO public.loupe_secrets VALUES ('signing', '\x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
INSERT INTO public.loupe_sizes VALUES ('ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('d1714f0ce7b686c5fb785f0640dbe9d76a7a12d3041b23e543b5beff441b4419', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('9bac3c0577c230943b0bd97da44a2cd73a1eff527561722e12250df0116c00cd', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('a38f49a26021d0d76d91f18cac348fee5014e232ba9af4737b777bab7341bd0d', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('7ea8825153398cd66fecdfbecea6b8c55a8d8e4b4f3617fd0ed73c86a4187016', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('9d6b0b15033ee597100bf405691bcf63378c93dabcf165dc255f659c18ecac0f', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('bcba1ddfce5f1beffa320479239ea36d0126e30e735571c5c2c3d011953b5947', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('9c52aa4911d83d2e932ee39f4f5e8a552b522a6f377f6236ec7b8df087ebbbe9', 12, 8);
INSERT INTO public.loupe_sizes VALUES ('b60ce6c2017864d599d320308056db7a31b90a9c56ef18b41f1fc4aa93d44719', 12, 8);
INSERT INTO public.loupe_skips VALUES (1, 'r01', 'berta', '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983', '2026-11-25T10:17:48.413+00:00');
INSERT INTO public.loupe_skips VALUES (2, 'fusion', 'eva', 'rating-3', '2026-11-25T10:17:48.478+00:00');
INSERT INTO public.loupe_sources VALUES ('f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 0, 'infrared', 'd1714f0ce7b686c5fb785f0640dbe9d76a7a12d3041b23e543b5beff441b4419');
INSERT INTO public.loupe_sources VALUES ('f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 1, 'visible', '9bac3c0577c230943b0bd97da44a2cd73a1eff527561722e12250df0116c00cd');
INSERT INTO public.loupe_sources VALUES ('ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', 0, 'infrared', 'b60ce6c2017864d599d320308056db7a31b90a9c56ef18b41f1fc4aa93d44719');
INSERT INTO public.loupe_sources VALUES ('2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 0, 'infrared', 'b60ce6c2017864d599d320308056db7a31b90a9c56ef18b41f1fc4aa93d44719');
INSERT INTO public.loupe_trials VALUES (1, 'trial-06', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'anna', 'people', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'r01', 7, '2026-11-25T10:17:48.400+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 'repeat', 5);
INSERT INTO public.loupe_trials VALUES (2, 'trial-07', '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983', 'berta', 'people', '9d6b0b15033ee597100bf405691bcf63378c93dabcf165dc255f659c18ecac0f', '5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', 'r01', 8, '2026-11-25T10:17:48.400+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47', 'training', 5);
INSERT INTO public.loupe_trials VALUES (3, 'trial-12', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'dora', 'people', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'noise', 13, '2026-11-25T10:17:48.427+00:00', '35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6', 'repeat', 9);
INSERT INTO public.loupe_votes VALUES (1, 'vote-01', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'anna', 'people', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'r01', 2, '2026-11-25T10:17:48.394+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (2, 'vote-02', '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15', 'anna', 'people', 'tie', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'r01', 3, '2026-11-25T10:17:48.394+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (3, 'vote-03', 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490', 'anna', 'people', 'unsure', '0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', 'r01', 4, '2026-11-25T10:17:48.394+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (4, 'vote-04', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'berta', 'people', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'r01', 5, '2026-11-25T10:17:48.394+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (5, 'vote-05', '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15', 'berta', 'people', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'r01', 6, '2026-11-25T10:17:48.394+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (6, 'vote-08', '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15', 'anna', 'people', 'a38f49a26021d0d76d91f18cac348fee5014e232ba9af4737b777bab7341bd0d', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'r01', 9, '2026-11-25T10:17:48.409+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (7, 'vote-09', 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490', 'carl', 'people', '0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', '0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', 'r02', 10, '2026-11-25T10:17:48.419+00:00', '391c0d08177c185f18582475335724ee7fcb33ad665e52976d1ddbaa7c17ee3e');
INSERT INTO public.loupe_votes VALUES (8, 'vote-10', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'dora', 'people', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'noise', 11, '2026-11-25T10:17:48.424+00:00', '35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6');
INSERT INTO public.loupe_votes VALUES (9, 'vote-11', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'anna', 'people', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'noise', 12, '2026-11-25T10:17:48.424+00:00', '35bc34a56ca8339a30426c37b672d449e21d48fbf9ff4f2913cd7263f15bf0f6');
INSERT INTO public.loupe_votes VALUES (10, 'vote-13', '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983', 'eva', 'people', '5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', '5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', 'twice', 14, '2026-11-25T10:17:48.433+00:00', 'fba76a46bff84938248b365a425e4f367a1aa803a1c0676aa5f0e5a0b5025777');
INSERT INTO public.loupe_votes VALUES (11, 'vote-14', '6a572f1562760927c6b3bb9b36f8c2bda823c8fa27009c641d063f5586dfe983', 'eva', 'people', '9d6b0b15033ee597100bf405691bcf63378c93dabcf165dc255f659c18ecac0f', '5180ae7a062321d8d32ca86705041887a14059a125d3aa81572f08f36e445247', 'twice', 15, '2026-11-25T10:17:48.438+00:00', '555c4ff3402cdfecf841cfd3a63014812c7986d3b5d711daafd56f41e0f2cb79');
INSERT INTO public.loupe_votes VALUES (12, 'vote-15', 'ad4ed4009ec9e3ecf3fae8abd592e5d0aa32345ff67ded3e3bce818d30b2b490', 'eva', 'people', 'tie', '0c57c5379bb39f4feec68606c054f1f4bcd825032ded28f6dd55f5c2108fe900', 'twice', 16, '2026-11-25T10:17:48.438+00:00', '555c4ff3402cdfecf841cfd3a63014812c7986d3b5d711daafd56f41e0f2cb79');
INSERT INTO public.loupe_votes VALUES (13, 'vote-16', '228614aef7acdf61206451883bffa1550dd6fbbec077941d9bd64eb8367bfc2b', 'carl', 'people', '9c52aa4911d83d2e932ee39f4f5e8a552b522a6f377f6236ec7b8df087ebbbe9', '9c52aa4911d83d2e932ee39f4f5e8a552b522a6f377f6236ec7b8df087ebbbe9', 'gone', 17, '2026-11-25T10:17:48.446+00:00', NULL);
INSERT INTO public.loupe_votes VALUES (14, 'vote-17', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'carl', 'people', 'ef589772b70dd5f7f48855e6722a92249aa232f5735a2e43ac996c7c0e9552a2', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'gone', 18, '2026-11-25T10:17:48.446+00:00', NULL);
INSERT INTO public.loupe_votes VALUES (15, 'vote-18', 'f887982382812fb8c94a3dc966b6bb4608d7c98cbc894e73182e0f62cdc5f06d', 'machine', 'simulated', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', '01b97306d54aea16ee09b0b0e7162b201cc8df536f561a51ecbeba3aceca0c0b', 'r01', 19, '2026-11-25T10:17:48.448+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
INSERT INTO public.loupe_votes VALUES (16, 'vote-19', '63fb0417ac9407be4b2574c3cb3dd605c4dbfc8b2e2e81ae141777bc7d66ba15', 'machine', 'simulated', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', '2a1f690edf6a6c707fe83cb3a9760c4d4583a8b1c623d26f86bbc52373b2ccb7', 'r01', 20, '2026-11-25T10:17:48.448+00:00', '6045cc06f43e3813fffb087765dafa0c370a030764fea79721a3325b796c7a47');
SELECT pg_catalog.setval('public.loupe_ratings_seq_seq', 7, true);
SELECT pg_catalog.setval('public.loupe_retractions_seq_seq', 2, true);
SELECT pg_catalog.setval('public.loupe_skips_seq_seq', 2, true);
SELECT pg_catalog.setval('public.loupe_trials_seq_seq', 3, true);
SELECT pg_catalog.setval('public.loupe_votes_seq_seq', 16, true);
ALTER TABLE ONLY public.loupe_batch_items
    ADD CONSTRAINT loupe_batch_items_batch_item_key UNIQUE (batch, item);
ALTER TABLE ONLY public.loupe_batch_items
    ADD CONSTRAINT loupe_batch_items_pkey PRIMARY KEY (batch, "position");
ALTER TABLE ONLY public.loupe_batch_pairs
    ADD CONSTRAINT loupe_batch_pairs_batch_pair_key UNIQUE (batch, pair);
ALTER TABLE ONLY public.loupe_batch_pairs
    ADD CONSTRAINT loupe_batch_pairs_pkey PRIMARY KEY (batch, "position");
ALTER TABLE ONLY public.loupe_batches
    ADD CONSTRAINT loupe_batches_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.loupe_observers
    ADD CONSTRAINT loupe_observers_name_key UNIQUE (name);
ALTER TABLE ONLY public.loupe_observers
    ADD CONSTRAINT loupe_observers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.loupe_pairs
    ADD CONSTRAINT loupe_pairs_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.loupe_pictures
    ADD CONSTRAINT loupe_pictures_pkey PRIMARY KEY (sha256);
ALTER TABLE ONLY public.loupe_ratings
    ADD CONSTRAINT loupe_ratings_id_key UNIQUE (id);
ALTER TABLE ONLY public.loupe_ratings
    ADD CONSTRAINT loupe_ratings_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.loupe_retractions
    ADD CONSTRAINT loupe_retractions_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.loupe_retractions
    ADD CONSTRAINT loupe_retractions_vote_key UNIQUE (vote);
ALTER TABLE ONLY public.loupe_rounds
    ADD CONSTRAINT loupe_rounds_pkey PRIMARY KEY (round);
ALTER TABLE ONLY public.loupe_secrets
    ADD CONSTRAINT loupe_secrets_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.loupe_sizes
    ADD CONSTRAINT loupe_sizes_pkey PRIMARY KEY (picture);
ALTER TABLE ONLY public.loupe_skips
    ADD CONSTRAINT loupe_skips_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.loupe_sources
    ADD CONSTRAINT loupe_sources_pkey PRIMARY KEY (subject, "position");
ALTER TABLE ONLY public.loupe_trials
    ADD CONSTRAINT loupe_trials_id_key UNIQUE (id);
ALTER TABLE ONLY public.loupe_trials
    ADD CONSTRAINT loupe_trials_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.loupe_votes
    ADD CONSTRAINT loupe_votes_id_key UNIQUE (id);
ALTER TABLE ONLY public.loupe_votes
    ADD CONSTRAINT loupe_votes_pkey PRIMARY KEY (seq);
CREATE INDEX loupe_ratings_by_round ON public.loupe_ratings USING btree (round, seq);
CREATE INDEX loupe_skips_by_observer ON public.loupe_skips USING btree (round, observer, seq);
CREATE INDEX loupe_trials_by_observer ON public.loupe_trials USING btree (round, observer, seq);
CREATE INDEX loupe_votes_by_observer ON public.loupe_votes USING btree (observer, seq);
CREATE INDEX loupe_votes_by_pair ON public.loupe_votes USING btree (pair, kind, observer);
ALTER TABLE ONLY public.loupe_batch_items
    ADD CONSTRAINT loupe_batch_items_batch_fkey FOREIGN KEY (batch) REFERENCES public.loupe_batches(id);
ALTER TABLE ONLY public.loupe_batch_items
    ADD CONSTRAINT loupe_batch_items_item_fkey FOREIGN KEY (item) REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_batch_pairs
    ADD CONSTRAINT loupe_batch_pairs_batch_fkey FOREIGN KEY (batch) REFERENCES public.loupe_batches(id);
ALTER TABLE ONLY public.loupe_batch_pairs
    ADD CONSTRAINT loupe_batch_pairs_pair_fkey FOREIGN KEY (pair) REFERENCES public.loupe_pairs(key);
ALTER TABLE ONLY public.loupe_pairs
    ADD CONSTRAINT loupe_pairs_high_fkey FOREIGN KEY (high) REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_pairs
    ADD CONSTRAINT loupe_pairs_low_fkey FOREIGN KEY (low) REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_ratings
    ADD CONSTRAINT loupe_ratings_batch_fkey FOREIGN KEY (batch) REFERENCES public.loupe_batches(id);
ALTER TABLE ONLY public.loupe_ratings
    ADD CONSTRAINT loupe_ratings_item_fkey FOREIGN KEY (item) REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_rounds
    ADD CONSTRAINT loupe_rounds_batch_fkey FOREIGN KEY (batch) REFERENCES public.loupe_batches(id);
ALTER TABLE ONLY public.loupe_sizes
    ADD CONSTRAINT loupe_sizes_picture_fkey FOREIGN KEY (picture) REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_sources
    ADD CONSTRAINT loupe_sources_picture_fkey FOREIGN KEY (picture) REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_trials
    ADD CONSTRAINT loupe_trials_batch_fkey FOREIGN KEY (batch) REFERENCES public.loupe_batches(id);
ALTER TABLE ONLY public.loupe_trials
    ADD CONSTRAINT loupe_trials_left_fkey FOREIGN KEY ("left") REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_trials
    ADD CONSTRAINT loupe_trials_pair_fkey FOREIGN KEY (pair) REFERENCES public.loupe_pairs(key);
ALTER TABLE ONLY public.loupe_votes
    ADD CONSTRAINT loupe_votes_batch_fkey FOREIGN KEY (batch) REFERENCES public.loupe_batches(id);
ALTER TABLE ONLY public.loupe_votes
    ADD CONSTRAINT loupe_votes_left_fkey FOREIGN KEY ("left") REFERENCES public.loupe_pictures(sha256);
ALTER TABLE ONLY public.loupe_votes
    ADD CONSTRAINT loupe_votes_pair_fkey FOREIGN KEY (pair) REFERENCES public.loupe_pairs(key);
