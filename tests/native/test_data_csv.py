"""Tables and texts: what RFC 4180 allows, what columns may be, and where they come from."""

import asyncio
import csv
import http.server
import io
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weblayers as wl
from weblayers.data.sources import CHUNK


def records(source, **options):
    """The same, whether somebody waits or not."""
    dataset = wl.data.csv(source, **options)
    waited = asyncio.run(dataset.to_array())
    assert repr(list(dataset)) == repr(waited)
    return waited


def values(source, **options):
    return [list(record.values()) for record in records(source, **options)]


# -- what a table may look like ----------------------------------------------------------------------------------------

FIELD = st.text(st.sampled_from(list('ab1 ",;\n\r\té\u2028\u0085€')), max_size=6)
TABLE = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(FIELD, min_size=n, max_size=n), min_size=1, max_size=6))


@settings(max_examples=150, deadline=None)
@given(TABLE, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), st.integers(1, 9))
def test_records_are_those_of_pythons_reader(table, delimiter, end, bom, chunk):
    """Whatever is written, and wherever a chunk of bytes ends."""
    written = io.StringIO(newline="")
    # Python writes the ends of other lines as they are
    quoting = csv.QUOTE_ALL if set("\r\n") & set("".join(map("".join, table))) else csv.QUOTE_MINIMAL
    csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(table)
    data = written.getvalue().encode("utf-8-sig" if bom else "utf-8")
    names = [f"c{i}" for i in range(len(table[0]))]
    source = wl.data.FileDataSource(io.BytesIO(data), chunk)
    read = list(
        wl.data.csv(
            source,
            has_header=False,
            column_names=names,
            column_configs={n: {"dtype": "string", "default": ""} for n in names},
            delimiter=delimiter,
        )
    )
    assert [list(record.values()) for record in read] == table


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from(list('a" ,\n\r')), max_size=20), st.integers(1, 5))
def test_anything_is_read_as_pythons_reader_reads_it(text, chunk):
    """Also what no standard allows, such as quotes within unquoted fields."""
    expected = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    ends_open = text_ends_in_quotes(text)

    async def read():
        dataset = wl.data.csv(wl.data.FileDataSource(io.StringIO(text, newline=""), chunk), has_header=True)
        return [row async for _, row in dataset._records()]

    if ends_open:
        with pytest.raises(ValueError, match="ends within a quoted field"):
            asyncio.run(read())
    else:
        assert asyncio.run(read()) == expected


def text_ends_in_quotes(text):
    try:
        list(csv.reader(io.StringIO(text + "\n", newline=""), strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            return True
        # strictness objects to something before the end: what one more field adds tells
        more = list(csv.reader(io.StringIO(text + "\nZ\n", newline="")))
        return more[-1] != ["Z"]
    return False


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_ends_of_lines(end, last):
    text = end.join(["a,b", "1,2", "", '3,"x' + end + 'y"']) + (end if last else "")
    assert records(text) == [{"a": 1, "b": 2}, {"a": 3, "b": f"x{end}y"}]
    assert records("\ufeff" + text)[0] == records(text.encode("utf-8-sig"))[0] == {"a": 1, "b": 2}


def test_fields_separated_by_space():
    text = '18.0   8  307.0\t"chevrolet  chevelle"\n 15.0 8\t350.0 "a\tb"  \n'
    expected = [[18, 8, 307, "chevrolet  chevelle"], [15, 8, 350, "a\tb"]]
    assert values(text, has_header=False, column_names=["m", "c", "d", "name"], delim_whitespace=True) == expected
    with pytest.raises(ValueError, match="either delimiter or delim_whitespace=True"):
        wl.data.csv(text, {"delimWhitespace": True, "delimiter": " "})
    with pytest.raises(ValueError, match="delimiter must be one character"):
        wl.data.csv(text, delimiter=";;")


def test_tables_larger_than_a_chunk():
    rows = 130_000
    text = "n,text\n" + "".join(f'{i},"line {i}\nand more"\n' for i in range(rows))
    assert len(text) > 3 * CHUNK
    dataset = wl.data.csv(text)
    numbers = [record["n"] for record in dataset]
    assert numbers == list(range(rows))


def test_only_what_is_wanted_is_read():
    class Counting(io.BytesIO):
        taken = 0

        def read(self, size=-1):
            data = super().read(size)
            self.taken += len(data)
            return data

    file = Counting(b"a\n" + b"1\n" * 1_000_000)
    source = wl.data.FileDataSource(file, chunk_size=100)
    assert list(wl.data.csv(source).take(60)) == [{"a": 1}] * 60
    assert file.taken == 200


# -- columns -----------------------------------------------------------------------------------------------------------

TEXT = "a,b,c\n1,x,\n-2.5e3,,true\n"


def test_types_are_found():
    assert records(TEXT) == [{"a": 1, "b": "x", "c": None}, {"a": -2500, "b": None, "c": "true"}]
    row = values("a,b,c,d,e,f,g,h\n1_000,NaN,-Infinity,Nan,INF, 7 ,1e3,0x10")[0]
    assert row[0] == "1_000" and math.isnan(row[1]) and row[2:] == [-math.inf, "Nan", "INF", 7, 1000, "0x10"]


def test_types_are_given():
    text = "f,i,b,s\n1.5,2.7,TRUE,007\n-1,-2.5,1,x\n3,4,no,\n"
    configs = {k: {"dtype": v} for k, v in {"f": "float32", "i": "int32", "b": "bool", "s": "string"}.items()}
    expected = [[1.5, 2, 1, "007"], [-1, -3, 1, "x"], [3, 4, 0, None]]
    assert values(text, column_configs=configs) == expected
    with pytest.raises(ValueError, match="line 3: column 'f' holds 'many', no float32"):
        records("f\n1\nmany\n", column_configs={"f": {"dtype": "float32"}})
    with pytest.raises(ValueError, match="column 'f' holds 'inf', no int32"):
        records("f\ninf\n", column_configs={"f": {"dtype": "int32"}})
    with pytest.raises(ValueError, match="Unknown dtype of a column: 'flaot32'. Did you mean 'float32'"):
        wl.data.csv("f\n1\n", column_configs={"f": {"dtype": "flaot32"}})


def test_defaults_and_required_columns():
    assert values(TEXT, column_configs={"b": {"default": "?"}, "c": {"default": 0}}) == [
        [1, "x", 0],
        [-2500, "?", "true"],
    ]
    with pytest.raises(ValueError, match="Required column b is empty in line 3"):
        records(TEXT, column_configs={"b": {"required": True}})
    with pytest.raises(ValueError, match="Required column c is empty in line 2"):
        records(TEXT, column_configs={"c": {"isLabel": True}})


def test_labels():
    config = {"columnConfigs": {"a": {"isLabel": True}}}
    dataset = wl.data.csv(TEXT, config)
    assert next(iter(dataset)) == {"xs": {"b": "x", "c": None}, "ys": {"a": 1}}
    chosen = wl.data.csv(TEXT, {**config, "configuredColumnsOnly": True})
    assert list(chosen)[1] == {"xs": {}, "ys": {"a": -2500}}


def test_column_names():
    def names(*args, **options):
        return asyncio.run(wl.data.csv(*args, **options).columnNames())

    assert names(TEXT) == ["a", "b", "c"]
    assert names(TEXT, column_names=["x", "y", "z"]) == ["x", "y", "z"]
    assert names(TEXT, column_configs={"c": {}, "a": None}, configured_columns_only=True) == ["a", "c"]
    assert names(TEXT, has_header=False, column_names=["x", "y", "z"]) == ["x", "y", "z"]
    assert values(TEXT, has_header=False, column_names=["x", "y", "z"])[0] == ["a", "b", "c"]
    dataset = wl.data.csv(TEXT)
    assert len(list(dataset)) == 2 and asyncio.run(dataset.column_names()) == ["a", "b", "c"]


def test_mistakes_in_columns():
    with pytest.raises(ValueError, match="Column names must be provided if there is no header line"):
        wl.data.csv(TEXT, has_header=False)
    with pytest.raises(ValueError, match=r"column_names \(2\) does not match the length of the header .* \(3\)"):
        records(TEXT, column_names=["x", "y"])
    with pytest.raises(ValueError, match="Duplicate column names found: a"):
        records("a,b,a\n1,2,3\n")
    with pytest.raises(ValueError, match="The key 'd' in column_configs does not match .*: a, b, c"):
        records(TEXT, column_configs={"d": {}})
    with pytest.raises(ValueError, match="wants column_configs"):
        wl.data.csv(TEXT, configured_columns_only=True)
    with pytest.raises(TypeError, match="csv has no argument 'hasHeaders'. Did you mean 'has_header'"):
        wl.data.csv(TEXT, {"hasHeaders": True})
    with pytest.raises(TypeError, match="column 'a' has no argument 'islabel'. Did you mean 'is_label'"):
        wl.data.csv(TEXT, column_configs={"a": {"islabel": True}})


def test_mistakes_in_the_file():
    with pytest.raises(ValueError, match="line 5. Should have 2 elements in a row, but got 3: "):
        records('a,b\n1,"\n\n"\n1,2,3\n')
    with pytest.raises(ValueError, match="ends within a quoted field that begins in line 3"):
        records('a,b\n1,2\n3,"4\n5,6\n')
    for read in (records, lambda s: asyncio.run(wl.data.csv(s).column_names())):
        with pytest.raises(ValueError, match="No data was found for CSV parsing"):
            read(b"")
    assert records("a,b\n") == []


# -- sources -----------------------------------------------------------------------------------------------------------


def test_files(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TEXT)
    expected = records(TEXT)
    assert records(str(path)) == records(path) == records(path.as_uri()) == expected
    with path.open() as text, path.open("rb") as data:
        assert records(text) == records(data) == expected
    with pytest.raises(FileNotFoundError, match="there is no file 'missing.csv'; a source is a path, a URL"):
        wl.data.csv("missing.csv")
    with pytest.raises(TypeError, match="a source is a path, .* got int"):
        wl.data.csv(3)


def test_open_files_that_cannot_go_back():
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    dataset = wl.data.csv(Pipe(TEXT.encode()))
    assert len(list(dataset)) == 2
    with pytest.raises(ValueError, match="can be read only once"):
        list(dataset)


def test_picked_files_are_read_in_pieces():
    """What a page's user picks: an object with a stream of bytes."""
    cancelled = []

    class Bytes(bytes):
        to_bytes = bytes.__bytes__

    class Part:
        def __init__(self, value):
            self.value, self.done = value, value is None

    class Picked:
        arrayBuffer = None

        def stream(self):
            return Stream()

    class Stream:
        def __init__(self):
            self.parts = iter([Bytes(TEXT.encode()[:7]), Bytes(TEXT.encode()[7:]), None])

        def getReader(self):
            return self

        async def read(self):
            return Part(next(self.parts))

        def cancel(self):
            cancelled.append(True)

    assert records(Picked()) == records(TEXT) and not cancelled

    async def first():
        # the pass ends with its loop
        return await wl.data.csv(Picked()).take(1).to_array()

    assert asyncio.run(first()) == records(TEXT)[:1] and cancelled


SERVED = {
    "/table.csv": TEXT.encode(),
    "/page.csv": b"\n <!DOCTYPE html>\n<html><head><title>Not here</title></head></html>\n",
    "/short.csv": b"<html><body>Moved, with a very long sentence about where it is now, and why</body></html>",
    "/picture.csv": b"\x89PNG\r\n\x1a\n\0\0\0",
    "/archive.csv": b"PK\x03\x04\0\0,\n1,2\n",
    "/late.csv": b"a,b\n1,2\n3,\xff4\n5,6\n",
}


@pytest.fixture(scope="module")
def server():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = SERVED.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_servers(server):
    assert records(f"{server}/table.csv") == records(TEXT)
    assert records(wl.data.URLDataSource(f"{server}/table.csv", {"method": "GET"})) == records(TEXT)
    with pytest.raises(OSError, match=r"request to .*/none.csv failed with status 404"):
        records(f"{server}/none.csv")


def test_servers_that_send_something_else(server):
    for name, message in {
        "page": "a page in HTML, and no table: its first line is '<!DOCTYPE html>'",
        "short": r"a page in HTML, and no table: its first line is '<html><body>Moved, .*'\.\.\.$",
        "picture": r"no text in UTF-8: one of its lines is b'\\x89PNG",
        "archive": r"no text, but bytes, and no table: its first line is 'PK",
        "late": r"no text in UTF-8: one of its lines is b'3,\\xff4'",
    }.items():
        with pytest.raises(ValueError, match=message):
            records(f"{server}/{name}.csv")


def test_text_among_numbers():
    table = wl.data.csv("a,b\n1,2\n3,x\n")
    assert list(table) == [{"a": 1, "b": 2}, {"a": 3, "b": "x"}]
    with pytest.raises(ValueError, match=r"numbers and text .* such as 2.0 and 'x': .*csv\(\) takes the dtype"):
        list(table.batch(2))
    (batch,) = wl.data.csv("a,b\n1,2\n3,x\n", column_configs={"b": {"dtype": "string"}}).batch(2)
    assert batch["b"].tolist() == ["2", "x"]


def test_lines_of_texts(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes("\ufeffeins\r\nzwei\n\nfünf".encode())
    expected = ["eins", "zwei", "", "fünf"]
    assert list(wl.data.text_lines(path)) == asyncio.run(wl.data.TextLineDataset(str(path)).to_array()) == expected


# -- training ----------------------------------------------------------------------------------------------------------


def test_a_model_trains_on_a_table():
    rng = np.random.default_rng(0)
    rows = rng.random((64, 2))
    text = "p,q,r\n" + "".join(f"{p},{q},{2 * p - q}\n" for p, q in rows)
    table = wl.data.csv(text, {"columnConfigs": {"r": {"isLabel": True}}})
    numbers = table.map(lambda e: {"xs": list(e["xs"].values()), "ys": list(e["ys"].values())})

    async def main():
        wl.set_random_seed(0)
        model = wl.sequential([wl.layers.dense(units=1, input_shape=[2])])
        model.compile(wl.train.adam(0.05), "mse")
        await model.fit_dataset(numbers.shuffle(64).batch(16), epochs=40, verbose=0)
        return model.get_weights()[0].numpy()

    np.testing.assert_allclose(asyncio.run(main()), [[2], [-1]], atol=0.1)
