"""Time series, texts and images as data sets."""

import asyncio
import io
import struct
import sys
import types
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weblayers as wl
from weblayers.data import devices
from weblayers.data.png import read_png

# -- time series -------------------------------------------------------------------------------------------------------

SERIES = np.arange(20.0).reshape(10, 2)


@settings(max_examples=100, deadline=None)
@given(
    length=st.integers(1, 4),
    stride=st.integers(1, 3),
    rate=st.integers(1, 3),
    start=st.integers(0, 3),
    end=st.integers(8, 10),
    given_targets=st.booleans(),
)
def test_windows_are_those_of_a_loop(length, stride, rate, start, end, given_targets):
    targets = np.arange(100, 110)
    expected = []
    at = start
    while at + (length - 1) * rate < end:
        expected.append((SERIES[at : at + length * rate : rate][:length], targets[at]))
        at += stride
    arguments = (SERIES, targets if given_targets else None, length, stride, rate)
    if not expected:
        with pytest.raises(ValueError, match="a window spans"):
            wl.data.timeseries_dataset(*arguments, start_index=start, end_index=end)
        return
    batches = wl.data.timeseries_dataset(*arguments, batch_size=3, start_index=start, end_index=end)
    assert batches.size == -(-len(expected) // 3)
    parts = list(batches)
    windows = np.concatenate([p[0] if given_targets else p for p in parts])
    np.testing.assert_array_equal(windows, [window for window, _ in expected])
    if given_targets:
        assert np.concatenate([p[1] for p in parts]).tolist() == [target for _, target in expected]


def test_windows_by_themselves_and_in_random_order():
    targets = np.arange(10)
    single = list(wl.data.timeseries_dataset(SERIES, targets, 2, batch_size=None))
    assert single[3][0].tolist() == SERIES[3:5].tolist() and single[3][1] == 3
    shuffled = wl.data.timeseries_dataset_from_array(SERIES, targets, 2, shuffle=True, seed=1)
    (first,), (second,) = list(shuffled), list(shuffled)
    assert sorted(first[1].array_sync()) == list(range(9)) and first[1].array_sync() != second[1].array_sync()
    np.testing.assert_array_equal(first[0].numpy()[:, 0, 0], first[1].numpy() * 2)


def test_fewer_targets_than_windows_end_the_series():
    (batch,) = wl.data.timeseries_dataset(SERIES, SERIES[6:, 0], 2)
    assert batch[1].array_sync() == [12, 14, 16, 18]


def test_windows_that_do_not_fit():
    with pytest.raises(ValueError, match="a window spans 9 values, but there are 8 of them, from 2 to 10"):
        wl.data.timeseries_dataset(SERIES, None, 5, sampling_rate=2, start_index=2)
    with pytest.raises(ValueError, match="end_index is 11, but there are only 10 values"):
        wl.data.timeseries_dataset(SERIES, None, 2, end_index=11)
    with pytest.raises(ValueError, match="there are 3 targets, but windows begin at 3"):
        wl.data.timeseries_dataset(SERIES, np.zeros(3), 2, start_index=3)
    with pytest.raises(ValueError, match="sequence_stride of timeseries_dataset.. must be at least 1, got 0"):
        wl.data.timeseries_dataset(SERIES, None, 2, sequence_stride=0)


# -- texts -------------------------------------------------------------------------------------------------------------


def test_a_text_is_cut_into_sequences(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("abcabca")
    dataset = wl.data.text_dataset(path, 3, sequence_stride=2)
    words = dataset.vocabulary
    assert words.tokens == ["", "[UNK]", "a", "b", "c"] and len(words) == 5
    assert [(words.decode(x), words.decode([y])) for x, y in dataset] == [("abc", "a"), ("cab", "c")]
    ((x, y),) = dataset.batch(5)
    assert x.shape == (2, 3) and y.shape == (2,) and x.dtype == "int32"
    shifted = wl.data.text_dataset("abcabca", 3, targets="sequence", vocabulary=words)
    assert [(words.decode(x), words.decode(y)) for x, y in shifted.take(1)] == [("abc", "bca")]
    assert wl.data.text_dataset("abcabca", 3, targets=None).size == 5
    with pytest.raises(ValueError, match="the text has 2 words, too few for a sequence of 2 and what follows it"):
        wl.data.text_dataset("two words", 2, "word")
    with pytest.raises(ValueError, match="targets of one text are"):
        wl.data.text_dataset("abcabca", 3, targets=[1, 2])


def test_texts_are_brought_to_one_length():
    texts = ["Don't panic, don't!", "", "panic now and here and there"]
    dataset = wl.data.text_dataset(texts, 4, "word", targets=[1, 0, 1])
    words = dataset.vocabulary
    assert [words.decode(x) for x, _ in dataset] == ["don't panic , don't", "", "panic now and here"]
    assert [int(y) for _, y in dataset] == [1, 0, 1]
    small = wl.data.text_dataset(texts, 4, "word", max_tokens=4).vocabulary
    assert small.tokens == ["", "[UNK]", "and", "don't"] and small.encode("and panic").tolist() == [2, 1]
    other = wl.data.text_dataset(["and now this"], 4, vocabulary=words)
    assert [words.decode(x) for x in other] == ["and now [UNK]"]
    again = wl.data.Vocabulary(words.tokens, "word")
    assert again.tokens == words.tokens
    with pytest.raises(ValueError, match="there are 3 texts, but 2 targets"):
        wl.data.text_dataset(texts, 4, targets=[1, 2])
    with pytest.raises(ValueError, match="targets of several texts are an array"):
        wl.data.text_dataset(texts, 4, targets="sequence")
    with pytest.raises(ValueError, match="Unknown level of a vocabulary: 'words'. Did you mean 'word'"):
        wl.data.text_dataset(texts, 4, "words")
    with pytest.raises(ValueError, match="each token once, but 'a' more often"):
        wl.data.Vocabulary(["a", "b", "a"])


# -- PNG files ---------------------------------------------------------------------------------------------------------


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def filtered(rows, step, filters):
    """The lines of a PNG file: what each byte differs from its prediction by, as the standard writes it."""
    out = b""
    for y, row in enumerate(rows):
        kind = filters[y % len(filters)]
        line = [kind]
        for x in range(len(row)):
            a = int(row[x - step]) if x >= step else 0
            b = int(rows[y - 1][x]) if y else 0
            c = int(rows[y - 1][x - step]) if y and x >= step else 0
            p = a + b - c
            distances = [abs(p - a), abs(p - b), abs(p - c)]
            paeth = (a, b, c)[distances.index(min(distances))]
            line.append((int(row[x]) - (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
        out += bytes(line)
    return out


def png(rows, width, bits=8, colour=2, step=3, filters=(0,), more=b"", interlace=0):
    head = struct.pack(">IIBBBBB", width, len(rows), bits, colour, 0, 0, interlace)
    packed = zlib.compress(filtered(rows, step, filters))
    # in two parts, as encoders do with large images
    parts = chunk(b"IDAT", packed[:5]) + chunk(b"IDAT", packed[5:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + more + parts + chunk(b"IEND", b"")


def gray_png(image):
    return png(image, image.shape[1], colour=0, step=1)


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("colour, channels", [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_png_files(filters, colour, channels):
    image = RNG.integers(0, 256, (6, 5, channels), np.uint8)
    pixels = read_png(png(image.reshape(6, -1), 5, 8, colour, channels, filters))
    colours = image[..., : channels - (colour in (4, 6))]
    np.testing.assert_array_equal(pixels[..., :3], np.broadcast_to(colours, (6, 5, 3)))
    np.testing.assert_array_equal(pixels[..., 3], image[..., -1] if colour in (4, 6) else 255)


@pytest.mark.parametrize("bits", [1, 2, 4, 16])
def test_png_files_of_other_depths(bits):
    values = RNG.integers(0, 2**bits, (3, 9))
    if bits == 16:
        rows = values.astype(">u2").view(np.uint8).reshape(3, -1)
        expected = values >> 8
    else:
        digits = (values[..., None] >> np.arange(bits)[::-1]) & 1
        rows = np.packbits(digits.reshape(3, -1).astype(np.uint8), axis=1)
        expected = values * 255 // (2**bits - 1)
    pixels = read_png(png(rows, 9, bits, 0, max(1, bits // 8), (4,)))
    np.testing.assert_array_equal(pixels[..., 0], expected)


def test_png_files_with_palettes_and_clear_colours():
    palette = chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])) + chunk(b"tRNS", bytes([0, 128]))
    pixels = read_png(png(np.array([[0, 1, 2]]), 3, colour=3, step=1, more=palette))
    assert pixels.tolist() == [[[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]]]
    clear = read_png(png(np.array([[7, 8]]), 2, colour=0, step=1, more=chunk(b"tRNS", b"\0\x08")))
    assert clear[0, :, 3].tolist() == [255, 0]


def test_png_files_that_cannot_be_read():
    row = np.zeros((1, 3), np.uint8)
    with pytest.raises(ValueError, match="interlaced"):
        read_png(png(row, 1, interlace=1))
    with pytest.raises(ValueError, match="damaged PNG file: 1 lines of 7 bytes expected, but 4 bytes found"):
        read_png(png(row, 2))
    with pytest.raises(ValueError, match="damaged PNG file"):
        read_png(png(row, 1)[:45])
    with pytest.raises(ValueError, match="the palette lacks"):
        read_png(png(np.array([[3]]), 1, colour=3, step=1, more=chunk(b"PLTE", bytes(9))))
    with pytest.raises(ValueError, match="there is no filter 9"):
        read_png(bad_filter())


def bad_filter():
    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\x09\0"))


# -- images ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_pillow(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)


@pytest.fixture
def folder(tmp_path, no_pillow):
    """Two classes of five gray images each; each image's value is its number."""
    for i in range(10):
        path = tmp_path / ("cats" if i < 5 else "dogs") / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gray_png(np.full((4, 6), i, np.uint8)))
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def numbers(dataset):
    return [
        int(n) for batch in dataset for n in np.asarray(batch[0] if isinstance(batch, tuple) else batch)[:, 0, 0, 0]
    ]


def test_image_folders(folder):
    dataset = wl.data.image_dataset(folder, image_size=(4, 6), batch_size=4, shuffle=False)
    assert dataset.size == 3 and dataset.class_names == ["cats", "dogs"] and dataset.file_paths[9].name == "9.png"
    images, labels = next(iter(dataset))
    assert images.shape == (4, 4, 6, 3) and images.dtype == "float32" and labels.dtype == "int32"
    assert numbers(dataset) == list(range(10))
    assert [int(n) for _, batch in dataset for n in batch.numpy()] == [0] * 5 + [1] * 5
    assert numbers(asyncio.run(dataset.to_array())) == list(range(10))
    shuffled = wl.data.image_dataset(str(folder), image_size=(4, 6), seed=1)
    first = numbers(shuffled)
    assert sorted(first) == list(range(10)) != first and numbers(shuffled) != first


def test_labels_of_image_folders(folder):
    def labels(**options):
        ((_, given),) = wl.data.image_dataset(folder, image_size=(2, 2), shuffle=False, **options)
        return given

    assert labels(label_mode="binary").numpy().tolist() == [0.0] * 5 + [1.0] * 5
    assert labels(label_mode="categorical").numpy().tolist() == [[1, 0]] * 5 + [[0, 1]] * 5
    assert labels(class_names=["dogs", "cats"]).numpy().tolist() == [0] * 5 + [1] * 5
    assert labels(labels=list(range(10))).numpy().tolist() == list(range(10))
    plain = wl.data.image_dataset(folder, labels=None, image_size=None, shuffle=False, color_mode="grayscale")
    (images,) = plain
    assert images.shape == (10, 4, 6, 1) and plain.class_names == []
    single = wl.data.image_dataset(folder, label_mode=None, batch_size=None, shuffle=False, color_mode="rgba")
    assert next(iter(single)).shape == (256, 256, 4)


def test_images_are_resized_as_tensors_are(folder):
    image = RNG.integers(0, 256, (4, 6), np.uint8)
    (folder / "cats" / "0.png").write_bytes(gray_png(image))
    options = {"batch_size": None, "label_mode": None, "shuffle": False, "color_mode": "grayscale"}
    resized = next(iter(wl.data.image_dataset(folder, image_size=(7, 3), **options)))
    expected = wl.image.resize(wl.tensor(image[None, ..., None].astype(np.float32)), [7, 3]).numpy()[0]
    np.testing.assert_allclose(resized, expected, rtol=1e-5)


def test_parts_of_image_folders(folder):
    def part(subset, **options):
        options = {"validation_split": 0.3, "image_size": (2, 2), "seed": 3, **options}
        return numbers(wl.data.image_dataset(folder, subset=subset, **options))

    training, validation = part("training"), part("validation")
    assert len(validation) == 3 and sorted(training + validation) == list(range(10))
    assert part("validation", shuffle=False) == [7, 8, 9]
    with pytest.raises(ValueError, match="give both subsets the same seed"):
        part("training", seed=None)
    with pytest.raises(ValueError, match="go together, got validation_split=0.3 and subset='test'"):
        part("test")


def test_mistakes_with_image_folders(folder):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        wl.data.image_dataset(folder / "none")
    with pytest.raises(FileNotFoundError, match="there are no images"):
        wl.data.image_dataset(folder / ".hidden")
    with pytest.raises(ValueError, match=r"class_names has \['birds'\], but the folders are \['cats', 'dogs'\]"):
        wl.data.image_dataset(folder, class_names=["cats", "birds"])
    with pytest.raises(ValueError, match="there are 10 images in .*, but 2 labels"):
        wl.data.image_dataset(folder, labels=[1, 2])
    with pytest.raises(ValueError, match="'binary' is for two classes, but there are 1"):
        wl.data.image_dataset(folder, class_names=["cats"], label_mode="binary")
    with pytest.raises(ValueError, match="Unknown color_mode: 'gray'. Did you mean 'grayscale'"):
        wl.data.image_dataset(folder, color_mode="gray")
    with pytest.raises(ValueError, match="only PNG files can be read without Pillow"):
        asyncio.run(wl.data.read_image(b"GIF89a"))


def test_pillow_reads_what_else_there_is(monkeypatch):
    class Opened:
        def __init__(self, file):
            assert file.read() == b"JPEG"

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def convert(self, mode):
            assert mode == "RGBA"
            return np.full((2, 3, 4), 9, np.uint8)

    pillow = types.ModuleType("PIL")
    pillow.Image = types.SimpleNamespace(open=Opened)
    monkeypatch.setitem(sys.modules, "PIL", pillow)
    image = asyncio.run(wl.data.read_image(io.BytesIO(b"JPEG")))
    assert image.tolist() == [[[9] * 3] * 3] * 2


def test_brightness_is_what_the_eye_sees(no_pillow):
    colours = np.array([[255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90]], np.uint8)
    gray = asyncio.run(wl.data.read_image(png(colours, 4), "grayscale"))
    assert gray[0, :, 0].tolist() == [76, 150, 29, 90]


def test_sprites(no_pillow):
    digits = RNG.integers(0, 256, (6, 4, 4), np.uint8)
    lines = gray_png(digits.reshape(6, 16))
    mnist = asyncio.run(wl.data.sprite(lines, [1, 16], labels=np.eye(6), shape=[4, 4, 1], color_mode="grayscale"))
    ((images, labels),) = mnist.batch(10)
    np.testing.assert_allclose(images.numpy()[..., 0], digits / 255, rtol=1e-6)
    assert images.dtype == "float32" and labels.shape == (6, 6)
    grid = digits.reshape(2, 3, 4, 4).swapaxes(1, 2).reshape(8, 12)
    tiles = asyncio.run(wl.data.sprite(gray_png(grid), [4, 4], count=5, color_mode="grayscale", scale=1))
    assert tiles.size == 5
    np.testing.assert_array_equal([t[..., 0] for t in tiles], digits[:5])


def test_mistakes_with_sprites():
    def make(*args, **options):
        return asyncio.run(wl.data.sprite(*args, **options))

    pixels = np.zeros((4, 6, 3))
    with pytest.raises(ValueError, match="a sprite of 4 x 6 pixels cannot be cut into tiles of 3 x 3"):
        make(pixels, [3, 3])
    with pytest.raises(ValueError, match="there are 6 tiles and 7 labels, but the sprite shall have 7 images"):
        make(pixels, [2, 2], labels=range(7))
    with pytest.raises(ValueError, match="there are 6 tiles, but the sprite shall have 9 images"):
        make(pixels, [2, 2], count=9)
    with pytest.raises(ValueError, match=r"tiles have shape \[2, 2, 3\], which cannot be brought to \[2, 2, 1\]"):
        make(pixels, [2, 2], shape=[2, 2, 1])
    with pytest.raises(ValueError, match="have shape .height, width, channels., got .4, 6."):
        make(pixels[..., 0], [2, 2])


# -- devices -----------------------------------------------------------------------------------------------------------


def test_devices_are_the_pages():
    with pytest.raises(RuntimeError, match="wl.data.webcam is only supported in a browser, but this is Python on"):
        asyncio.run(wl.data.webcam(None, {"resizeWidth": 4, "resizeHeight": 4}))
    with pytest.raises(RuntimeError, match="wl.data.microphone is only supported in a browser"):
        asyncio.run(wl.data.microphone())


def test_options_of_devices_are_checked_first():
    with pytest.raises(ValueError, match="Invalid webcam facing mode: back"):
        asyncio.run(wl.data.webcam(facing_mode="back"))
    with pytest.raises(ValueError, match="resize_width and resize_height go together"):
        asyncio.run(wl.data.webcam(resize_width=3))
    with pytest.raises(TypeError, match="webcam has no argument 'resizeWith'. Did you mean 'resize_width'"):
        asyncio.run(wl.data.webcam(None, {"resizeWith": 4}))
    with pytest.raises(ValueError, match="Invalid fftSize: it must be a power of 2 from 16 to 16384, but got 1000"):
        asyncio.run(wl.data.microphone({"fftSize": 1000}))
    with pytest.raises(ValueError, match="Both includeSpectrogram and includeWaveform are false"):
        asyncio.run(wl.data.microphone(include_spectrogram=False))


def test_the_middle_of_a_picture():
    frame = np.arange(24).reshape(4, 6, 1)
    assert devices.cropped(frame, 2, 2)[..., 0].tolist() == [[8, 9], [14, 15]]
    wider = devices.cropped(frame, 2, 8)[..., 0]
    assert wider.tolist() == [[0, 6, 7, 8, 9, 10, 11, 0], [0, 12, 13, 14, 15, 16, 17, 0]]
