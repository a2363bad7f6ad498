"""What a file of models cannot say. Each error is whole: what was found, what was expected, where, and what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from model_files import load

from chatml._errors import ConfigError, FileError
from chatml.dialects import DIALECTS
from chatml.models import ModelTable, load_models
from chatml.models._file import LARGEST, LARGEST_TOML

posix = pytest.mark.skipif(sys.platform == "win32", reason="no such files there")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def error_of(content: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(content)
    return str(caught.value)


EXAMPLE = 'such as [models."my-deployment"] with like = "gpt-4o"'
TABLE = f"expected a table of models; {EXAMPLE}"
FIELDS = (
    "encoding, dialect, context_window, max_input, max_output, status, note, like, input_price, cached_input_price,"
    " output_price"
)
TWICE = "is there twice; leave one of them out"
STATE_BOTH = 'state both encoding and dialect, or the model that it is like: like = "gpt-4o"'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", f"m: there are no models in it, {TABLE}"),
        ("{}", f"m: there are no models in it, {TABLE}"),
        ("models = 1", f"m: found 1 for models, {TABLE}"),
        ('{"models": null}', f"m: found None for models, {TABLE}"),
        ("[model.x]", "m: unknown key 'model', the nearest is models"),
        ("[x]\nlike = 1", "m: unknown key 'x', expected models"),
        ('[models]\nx = "gpt-4o"', f"m: models['x']: found 'gpt-4o', expected a table of fields; {EXAMPLE}"),
        ("[[models.x]]", f"m: models['x']: found [{{}}], expected a table of fields; {EXAMPLE}"),
        ("[models.x]\nmax_ouput = 1", "m: models['x']: unknown key 'max_ouput', the nearest is max_output"),
        ('[models.x]\nfamily = "gpt"', f"m: models['x']: unknown key 'family', expected {FIELDS}"),
        ('[models.x]\nname = "y"', f"m: models['x']: unknown key 'name', expected {FIELDS}"),
        ('[models.x]\nsource = "y"', f"m: models['x']: unknown key 'source', expected {FIELDS}"),
        ("[models.x]", f"m: models['x']: there is no encoding and no dialect; {STATE_BOTH}"),
        ('[models.x]\ndialect = "phi4"', f"m: models['x']: there is no encoding; {STATE_BOTH}"),
        ('[models.x]\nencoding = "o200k_im"', f"m: models['x']: there is no dialect; {STATE_BOTH}"),
        ('{"models": {}, "models": {}}', f"m: the key 'models' {TWICE}"),
        ('{"models": {"x": {"like": "o3"}, "x": {}}}', f"m: models: the key 'x' {TWICE}"),
        ('{"models": {"x": {"note": "", "like": "o3", "note": ""}}}', f"m: models['x']: the key 'note' {TWICE}"),
    ],
    ids=range(18),
)
def test_error_of_the_form(content: str, text: str) -> None:
    assert error_of(content) == text


NO_SPACE = "expected 1 to 256 printable characters without white space around them"


@pytest.mark.parametrize(
    ("key", "shown", "length"),
    [
        ("''", "''", 0),
        ("' x'", "' x'", 2),
        ('"\\u001B[2J"', "'\\x1b[2J'", 4),
        ("x" * 257, f"'{'x' * 80}...'", 257),
    ],
    ids=range(4),
)
def test_error_of_a_name(key: str, shown: str, length: int) -> None:
    text = f"m: models[{shown}]: found a name of {length} characters, {NO_SPACE}"
    assert error_of(f"[models.{key}]\nlike = 'o3'") == text


def test_error_of_a_name_that_is_no_text() -> None:
    text = f"m: models['\\ud800']: found a name of 1 characters, {NO_SPACE}"
    assert error_of('{"models": {"\\ud800": {}}}') == text


CIRCLE = "leave out like in one of them: a name that is listed keeps what the file does not change"


@pytest.mark.parametrize(
    ("content", "name", "circle"),
    [
        ('[models.x]\nlike = "x"', "x", "x -> x"),
        ('[models.gpt-4o]\nlike = "gpt-4o"', "gpt-4o", "gpt-4o -> gpt-4o"),
        ("models = {a = {like='b'}, b = {like='azure/c'}, c = {like='ft:b:org'}}", "b", "b -> c -> b"),
        (
            "".join(f'[models.m{one}]\nlike = "m{(one + 1) % 9}"\n' for one in range(9)),
            *("m0", "m0 -> m1 -> m2 -> m3 -> m4 -> ... -> m0"),
        ),
    ],
    ids=range(4),
)
def test_error_of_a_circle(content: str, name: str, circle: str) -> None:
    assert error_of(content) == f"m: models['{name}']: models are like each other in a circle: {circle}; {CIRCLE}"


ENCODINGS = "expected cl100k_base, cl100k_im, o200k_base, o200k_harmony, o200k_im"
DIALECT_NAMES = ", ".join([*(one.name for one in DIALECTS), *(name for one in DIALECTS for name in one.aliases)])
FIT = "those that have one are"
TOKENS = "expected a number of tokens above 0 or None"
DOLLARS = "expected dollars for 1,000,000 tokens from 0 on, or None"
QWEN2 = "the models of dialect qwen2 have a vocabulary of their own; counts by cl100k_im are estimates"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ('like = "gpt-4oo"', "like: unknown model 'gpt-4oo', the nearest known are gpt-4o, gpt-4, gpt-5.4"),
        ("like = 4", "like: unknown model '<int>'"),
        ("like = ''", "like: unknown model ''"),
        ('encoding = "o200k"', "encoding: found 'o200k', the nearest is o200k_im"),
        ("encoding = 200", f"encoding: found 200, {ENCODINGS}"),
        ("encoding = []", f"encoding: found [], {ENCODINGS}"),
        ('encoding = "o200k_base"', f"encoding: the marker <|im_start|> of {{im_sep}}; {FIT} cl100k_im, o200k_im"),
        ('dialect = "openai-harmony"', f"encoding: the marker <|start|> of {{harmony}}; {FIT} o200k_harmony"),
        ('dialect = "open-ai"', "dialect: found 'open-ai', the nearest is openai"),
        ('dialect = "??"', f"dialect: found '??', expected {DIALECT_NAMES}"),
        ("max_input = 200_000", "max_input: model 'x' has 200000, more than its context_window of 128000"),
        ("context_window = 8_192", "max_output: model 'x' has 16384, more than its context_window of 8192"),
        ("context_window = 1e5", f"context_window: model 'x' has 100000.0, {TOKENS}"),
        ("input_price = -0.5", f"input_price: model 'x' has -0.5, {DOLLARS}"),
        ("input_price = nan", f"input_price: model 'x' has nan, {DOLLARS}"),
        ("output_price = true", f"output_price: model 'x' has True, {DOLLARS}"),
        ("output_price = 2025-01-31", f"output_price: model 'x' has datetime.date(2025, 1, 31), {DOLLARS}"),
        (f"output_price = 1{'0' * 400}", f"output_price: model 'x' has 1{'0' * 79}..., {DOLLARS}"),
        ('status = "sure"', "status: model 'x' has 'sure', expected one of exact, fitted, estimate"),
        ('note = "a\\n::error::"', "note: found 'a\\n::error::', expected one line of text"),
        (
            'encoding = "cl100k_im"\ndialect = "qwen2"\nstatus = "fitted"',
            f"status: found 'fitted', but {QWEN2}",
        ),
    ],
    ids=range(21),
)
def test_error_of_a_field(field: str, text: str) -> None:
    whole = text.format(
        im_sep="dialect openai-im-sep has no id in o200k_base", harmony="dialect openai-harmony has no id in o200k_im"
    )
    like = "" if field.startswith("like") else 'like = "gpt-4o"\n'
    assert error_of(f"[models.x]\n{like}{field}") == f"m: models['x'].{whole}"


def test_error_of_null() -> None:
    row = '{"models": {"x": {"like": "gpt-4o", "%s": null}}}'
    assert error_of(row % "note") == "m: models['x'].note: model 'x' has None, expected a str"
    assert error_of(row % "encoding") == f"m: models['x']: there is no encoding; {STATE_BOTH}"


TOML = "; a file of models is TOML, or JSON that begins with {"
DIGITS = (
    "xceeds the limit (4300 digits) for integer string conversion: value has {} digits;"
    " use sys.set_int_max_str_digits() to increase the limit"
)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("[models.x]\nlike = 'o3'\nlike = 'o1'\n", f"m:3:12: this is not valid TOML: cannot overwrite a value{TOML}"),
        ("[models.x]\nlike = ", f"m: this is not valid TOML: invalid value{TOML}"),
        ("[models", f"m: this is not valid TOML: expected ']' at the end of a table declaration{TOML}"),
        ("x = 1\n[]", f"m:2:2: this is not valid TOML: invalid initial character for a key part{TOML}"),
        ("x = " + "1" * 5_000, f"m: this is not valid TOML: e{DIGITS.format(5000)}{TOML}"),
        ("x = " + "[" * 50_000, "m: the TOML is nested too deeply to be read"),
        ("\n" + "a." * 1_001 + "a = 1", "m:2: the line has more than 1,000 dots, too many to be read"),
        ('{"models": {"x": }}', "m:1:18: this is not valid JSON: expecting value"),
        ('{"models": {}\n', "m:2:1: this is not valid JSON: expecting ',' delimiter"),
        ('{"models": NaN}', "m: this is not valid JSON: found NaN, expected a number or null"),
        ('{"models": 1' + "0" * 5_000 + "}", f"m: this is not valid JSON: E{DIGITS.format(5001)}"),
        ('{"models": ' + "[" * 100_000, "m: the JSON is nested too deeply to be read"),
    ],
    ids=range(12),
)
def test_error_of_the_syntax(content: str, text: str) -> None:
    assert error_of(content) == text


def make_folder(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)


def make(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


REGULAR = "this is not a regular file, expected a TOML or JSON file; name a file that holds models"
LARGE_TOML = f"m: the file has more than the {LARGEST_TOML:,} characters of TOML that are read"


@posix
@pytest.mark.parametrize(
    ("prepare", "name", "text"),
    [
        (None, "m", "m: there is no such file; check the name"),
        (None, "", "'': there is no such file; check the name"),
        (None, "m/m", "m/m: there is no such file; check the name"),
        (None, "x\0", "x\\x00: it cannot be read: embedded null byte"),
        (None, "\x1b\udcff", "\\x1b\\udcff: there is no such file; check the name"),
        (make(b""), "m/m", "m/m: it cannot be read: Not a directory"),
        (None, "m" * 300, f"{'m' * 300}: it cannot be read: File name too long"),
        (make_folder, "m", f"m: {REGULAR}"),
        (make_fifo, "m", f"m: {REGULAR}"),
        (None, "/dev/null", f"/dev/null: {REGULAR}"),
        (make(b"[models]\n\xff"), "m", "m: the file is not UTF-8: found byte 0xff; save it as UTF-8"),
        (make_large, "m", f"m: the file has more than the {LARGEST:,} bytes that are read"),
        (make(b"#" * (LARGEST_TOML + 1)), "m", f"{LARGE_TOML}; JSON may have {LARGEST:,} bytes"),
    ],
    ids=range(13),
)
def test_error_of_a_file(prepare: Callable[[Path], None] | None, name: str, text: str) -> None:
    if prepare:
        prepare(Path("m"))
    with pytest.raises(FileError) as caught:
        load_models(name)
    assert str(caught.value) == text


def test_error_of_an_argument() -> None:
    with pytest.raises(ConfigError) as caught:
        load_models(5)  # type: ignore[arg-type]  # that is what is tested
    assert str(caught.value) == "path: found int, expected a path"
    with pytest.raises(ConfigError) as caught:
        load("[models]", over={})  # type: ignore[arg-type]  # that is what is tested
    assert str(caught.value) == "over: found dict, expected a ModelTable or None"
    with pytest.raises(ConfigError) as caught:
        ModelTable("ab")  # type: ignore[arg-type]  # that is what is tested
    assert str(caught.value) == "rows: found str, expected ModelInfo"


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read")
def test_a_file_that_may_not_be_read() -> None:
    Path("m").touch(0)
    with pytest.raises(FileError) as caught:
        load_models("m")
    assert str(caught.value) == "m: it cannot be read: Permission denied"


@posix
def test_the_name_of_the_file_is_printable_in_errors() -> None:
    Path("\x1b[2J").write_text("x = 1")
    with pytest.raises(ConfigError) as caught:
        load_models("\x1b[2J")
    assert str(caught.value) == "\\x1b[2J: unknown key 'x', expected models"
