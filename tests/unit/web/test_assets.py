import base64
import hashlib
import json

import pytest

from bpm_server.web.assets import VENDOR, Asset, Assets, is_immutable
from tests.support.services import front_end

MANIFEST = {"htmx.js": {"file": "htmx.0123456789ab.js", "sha256": "0123", "integrity": "sha384-abc"}}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    return tmp_path


def test_url_is_the_hashed_file_below_the_prefix(folder):
    assert Assets.load(folder).url("htmx.js") == "/static/vendor/htmx.0123456789ab.js"
    assert Assets.load(folder, prefix="/bpm/v/").url("htmx.js") == "/bpm/v/htmx.0123456789ab.js"


def test_integrity_is_read_from_the_manifest(folder):
    assert Assets.load(folder).integrity("htmx.js") == "sha384-abc"


def test_an_unknown_name_says_what_there_is(folder):
    with pytest.raises(LookupError, match=r"'jquery\.js' in static/vendor, but found htmx\.js"):
        Assets.load(folder).url("jquery.js")


def test_without_a_build_the_first_look_up_says_how_to_build(tmp_path):
    assets = Assets.load(tmp_path)
    with pytest.raises(LookupError, match="make assets"):
        assets.url("htmx.js")


OURS = ("app.css", "app.js", "form.js", "form-parts.js")


def test_only_hashed_names_are_immutable():
    assert is_immutable("/static/vendor/htmx.0123456789ab.js")
    assert not is_immutable("/static/vendor/manifest.json")
    assert not is_immutable("/static/vendor/htmx.LICENSES.txt")
    assert not is_immutable("/static/app.css")


def test_every_built_file_exists_compressed_and_unchanged():
    front_end()
    files = Assets.load().files
    assert {"htmx.js", "tabler.css", "form-viewer.js", "bpmn-viewer.js", "icons.svg"} <= set(files)
    for name, asset in files.items():
        contents = (VENDOR / asset.file).read_bytes()
        digest = base64.b64encode(hashlib.sha384(contents).digest()).decode()
        assert asset == Asset(asset.file, f"sha384-{digest}")
        assert is_immutable(asset.file)
        assert (VENDOR / f"{asset.file}.gz").is_file()
        assert (VENDOR / f"{asset.file}.br").is_file()
        if name not in OURS:
            assert (VENDOR / f"{name.rpartition('.')[0]}.LICENSES.txt").stat().st_size > 500
