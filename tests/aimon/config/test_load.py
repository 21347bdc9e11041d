"""Issue and loading a file, and resolving some of its endpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from aimon.config import ConfigError, find, load, loader, resolve
from command import printed

MINIMAL = "endpoints: [{name: a, preset: ollama, model: m}]\n"
TWO = """\
endpoints:
  - {name: first, preset: openai, model: m, api_key: "${A_KEY}"}
  - {name: second, preset: openai, model: m, api_key: "${B_KEY}"}
"""


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path given goes before $AIMON_CONFIG, and that before ./aimon.yaml."""
    monkeypatch.chdir(tmp_path)
    environ = {"AIMON_CONFIG": "elsewhere.yaml"}
    assert find("given.yaml", environ) == Path("given.yaml")
    assert find(None, environ) == Path("elsewhere.yaml")
    (tmp_path / "aimon.yaml").write_text(MINIMAL)
    assert find(None, {"AIMON_CONFIG": ""}) == Path("aimon.yaml")
    assert load(environ={}).endpoints[0].name == "a"


def test_etc_is_the_last_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file in this folder, the machine's is read; without that, no file is found."""
    machine = tmp_path / "etc.yaml"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loader, "PLACES", (Path("aimon.yaml"), machine))
    assert find(None, {}) is None
    machine.write_text(MINIMAL)
    assert find(None, {}) == machine


def test_no_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any file the message names the places and the ways out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loader, "PLACES", (Path("aimon.yaml"), Path("/etc/aimon/aimon.yaml")))
    with pytest.raises(ConfigError) as caught:
        load(environ={})
    if not Path("/etc/aimon/aimon.yaml").exists():
        assert str(caught.value) == (
            "no configuration: there is no aimon.yaml here, no /etc/aimon/aimon.yaml, and AIMON_CONFIG is not set; "
            "`aimon init` writes one, --config names one, --preset and --model do without"
        )


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A named file must exist, and be a file."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "no.yaml")
    assert str(caught.value) == f"{tmp_path}/no.yaml: there is no such file; `aimon init` writes one"
    with pytest.raises(ConfigError, match=r": can't be read: Is a directory$"):
        load(tmp_path)


def test_a_file_too_large(tmp_path: Path) -> None:
    """A file beyond all reason is refused before it is parsed."""
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * ((8 << 20) + 1))
    with pytest.raises(ConfigError) as caught:
        load(large)
    assert str(caught.value) == f"{large}: too large: more than 8 MiB"


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    """Files that Windows editors saved are read."""
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + MINIMAL.replace("\n", "\r\n").encode())
    assert load(file).endpoints[0].name == "a"


def test_only_what_is_probed_needs_its_variables() -> None:
    """A variable that another endpoint lacks does not stop a run; a check of all tells of every one."""
    config = loader.parse(TWO)
    (second,) = resolve(config, ["second"], environ={"B_KEY": "k"})
    assert second.name == "second"
    with pytest.raises(ConfigError) as caught:
        resolve(config, environ={"B_KEY": ""})
    assert str(caught.value).splitlines() == [
        "aimon.yaml:2:54: endpoints[0].api_key: A_KEY is not set, and endpoint 'first' needs it: export A_KEY=…",
        "aimon.yaml:3:55: endpoints[1].api_key: B_KEY is empty, and endpoint 'second' needs it: export B_KEY=…",
    ]


def test_names_are_looked_up() -> None:
    """Endpoints come in the file's order, once each; an unknown name gets a suggestion."""
    config = loader.parse(TWO)
    environ = {"A_KEY": "a", "B_KEY": "b"}
    assert [e.name for e in resolve(config, ["second", "first", "second"], environ)] == ["first", "second"]
    with pytest.raises(ConfigError) as caught:
        resolve(config, ["secnd", "x"], environ)
    assert str(caught.value).splitlines() == [
        "aimon.yaml: no endpoint 'secnd'; did you mean 'second'?",
        "aimon.yaml: no endpoint 'x'; known are first, second",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"sk-live-1\nsk-live-2\n", "holds spaces, line breaks or other characters that no key has"),
        ("sk-live-é".encode(), "holds spaces, line breaks or other characters that no key has"),
        (b"\xff\xfe", "is empty"),
        (b"sk-\xff\xfe", "is not text"),
        ("\u201csk-live-1\u201d".encode(), "holds spaces, line breaks or other characters that no key has (U+201C)"),
        ("sk-li\u200bve-1".encode(), "holds spaces, line breaks or other characters that no key has (U+200B)"),
        (b"OPENAI_API_KEY=sk-live-1\n", "holds NAME=\u2026, a line of an .env file: keep the key alone"),
        (b"export OPENAI_API_KEY='sk-live-1'\n", "holds NAME=\u2026, a line of an .env file: keep the key alone"),
        (b"Bearer sk-live-1", "holds the word Bearer before the key: keep the key alone"),
        (b'{"api_key": "sk-live-1"}', "holds JSON: keep the key alone"),
        (b"-----BEGIN PRIVATE KEY-----\nabc", "holds a PEM file: keep the key alone"),
        (b'"sk-live-1', "holds a quote on one side only: keep the key alone"),
        (b"k" * ((64 << 10) + 1), "is too large to be a key"),
    ],
)
def test_key_files(content: bytes, reason: str, tmp_path: Path) -> None:
    """A file that holds no key is refused, without showing what it holds."""
    file = tmp_path / "key"
    file.write_bytes(content)
    config = loader.parse(
        "endpoints: [{name: a, preset: ollama, model: m, api_key_file: '${KEY_FILE}'}]\n",
    )
    with pytest.raises(ConfigError) as caught:
        resolve(config, environ={"KEY_FILE": str(file)})
    assert str(caught.value) == f"aimon.yaml:1:63: endpoints[0].api_key_file: ${{KEY_FILE}} {reason}"


@pytest.mark.parametrize(
    ("keys", "environ", "message"),
    [
        ("base_url: '${URL}'", {"URL": "ftp://hunter2"}, "base_url: must start with http:// or https:// and name a "),
        ("base_url: 'http://${H}/v1'", {"H": "[hunter2"}, "base_url: not an address (its host"),
        ("proxy: '${P}'", {"P": "socks4://hunter2"}, "proxy: ${P}: not the address of an HTTP or SOCKS5 proxy: write "),
        ("proxy: '${P}'", {"P": "http://[hunter2"}, "proxy: ${P}: not an address (its host can't be one): write http"),
        ("proxy: '${P}'", {"P": "http://u:hunter2@p:99999"}, "proxy: ${P}: not an address (its port is not a number"),
        ("api_key: '${K}'", {"K": "two hunter2"}, "api_key: K holds spaces, line breaks or other characters"),
        ("headers: {X: '${H}'}", {"H": "two\nhunter2"}, "headers.X: H holds a line break: write it again, by hand"),
        ("ca_file: '${C}'", {"C": "/no/hunter2"}, "ca_file: there is no file ${C}"),
    ],
)
def test_values_of_variables_are_not_shown(keys: str, environ: dict[str, str], message: str) -> None:
    """A message about a variable's value does not contain the value."""
    config = loader.parse(f"endpoints: [{{name: a, preset: ollama, model: m, {keys}}}]\n")
    with pytest.raises(ConfigError) as caught:
        resolve(config, environ=environ)
    assert f"endpoints[0].{message}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_thousand_endpoints() -> None:
    """A large file is read and resolved, all of it."""
    text = "endpoints:\n" + "".join(
        f"  - {{name: e{i}, preset: dashscope, model: qwen-plus, api_key: '${{K}}'}}\n" for i in range(1000)
    )
    found = resolve(loader.parse(text), environ={"K": "k"})
    assert (len(found), found[999].name) == (1000, "e999")
    # Compiled once for all of them.
    assert found[0].canaries[0] is found[999].canaries[0]


def test_names_alone_import_nothing_heavy() -> None:
    """The parts that a probe needs while it runs come without YAML."""
    script = (
        "import sys, aimon.config, aimon.config.endpoint; "
        "print(sorted({'yaml', 'jsonschema', 'genai_prices'} & sys.modules.keys()))"
    )
    assert printed(script) == "[]\n"


def test_loading_imports_no_library_that_only_some_files_need() -> None:
    """A plain file is read without the libraries of JSON checks, prices and schemas."""
    script = (
        f"import sys; from aimon.config import loader, resolve; resolve(loader.parse({MINIMAL!r})); "
        "heavy = {'jsonschema', 'jsonpath_ng', 'genai_prices', 'pydantic', 'httpx', 'rich', 'urllib.request'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    assert printed(script) == "[]\n"


def test_exports() -> None:
    """Every exported name is there, and an unknown one is an AttributeError."""
    import aimon.config

    assert all(getattr(aimon.config, name) is not None for name in aimon.config.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = aimon.config.nothing
