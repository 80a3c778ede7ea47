"""`Client`: projects, suggestions, uploads, labels and exports over the REST API."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import quote, urlsplit

from . import uploads
from .answers import Changed, Image, Label, Project, Result, SimilarImage, Uploaded
from .errors import AlikeError
from .files import Portion, files_under, form_files, portions
from .transport import Transport

NAMES_A_REQUEST = 1000
ROWS_A_REQUEST = 1000
LOOK_AGAIN = 0.5
"""Seconds between looks at how far the server is."""

File = str | Path | bytes | BinaryIO
"""A file: where it lies, its bytes, or something open to read them from."""


class Client:
    """Asks an Alike server.

    Requests are sent again after lost connections and while the server is busy (429, 502, 503, 504
    with back-off, or after what `Retry-After` says); writes carry an `Idempotency-Key`, so nothing
    is done twice. Errors are `AlikeError` with a sentence and a `code`.

    Args:
        host: such as `https://alike.example.com`.
        token: made in your profile in the application.
        timeout, retries, patience: see `Transport`.
    """

    def __init__(
        self,
        host: str,
        token: str,
        *,
        timeout: float = 120.0,
        retries: int = 5,
        patience: float = 120.0,
    ) -> None:
        self._transport = Transport(
            host, token, timeout=timeout, retries=retries, patience=patience
        )

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- projects, labels, images

    def projects(self) -> list[Project]:
        """Return the projects that the token reaches."""
        return [Project.of(each) for each in self._listed("/api/v1/projects")]

    def project(self, project: int) -> Project:
        return Project.of(self._get(_of(project)))

    def create_project(self, name: str, *, multi_label: bool = False) -> Project:
        fields = {"name": name, "multi_label": multi_label}
        return Project.of(self._write("/api/v1/projects", fields))

    def labels(self, project: int) -> list[Label]:
        """Return the project's list of labels."""
        return [Label.of(each) for each in self._listed(f"{_of(project)}/labels")]

    def images(self, project: int, **filters: Any) -> Iterator[Image]:
        """Yield images of the dataset, by filters of the API: `label=["cat"], show="labeled"`."""
        return map(Image.of, self._listed(f"{_of(project)}/images", filters))

    def image(self, project: int, name: str) -> Image:
        """Return one image with its labels."""
        return Image.of(self._get(f"{_of(project)}/images/by-name/{quote(name, safe='/')}"))

    def delete_image(self, project: int, name: str) -> None:
        """Throw one image away; the application can bring it back for a while."""
        path = f"/api/image/{project}/{quote(name, safe='/')}"
        self._transport.send("DELETE", path, once=True)

    def set_labels(self, project: int, labels: Mapping[str, Iterable[str]]) -> Changed:
        """Leave exactly these labels on images: `{"a.jpg": ["cat"]}`. All or nothing."""
        return self._change(project, labels, "set")

    def add_labels(self, project: int, labels: Mapping[str, Iterable[str]]) -> Changed:
        """Add labels to images. All or nothing."""
        return self._change(project, labels, "add")

    def remove_labels(self, project: int, labels: Mapping[str, Iterable[str]]) -> Changed:
        """Take labels from images. All or nothing."""
        return self._change(project, labels, "remove")

    def _change(self, project: int, labels: Mapping[str, Iterable[str]], mode: str) -> Changed:
        changes = [{"image": name, "labels": list(given)} for name, given in labels.items()]
        return Changed.of(
            self._write(f"{_of(project)}/images/labels", {"changes": changes, "mode": mode})
        )

    def export(self, project: int, path: str | Path, *, kind: str = "", **filters: Any) -> Path:
        """Write the labels of all images that match to a file, whole or not at all.

        Args:
            kind: `csv` or `json`; empty means what the path ends in.
            filters: as the call takes them, and `validation`, the percent of a split.
        """
        path = Path(path)
        kind = kind or ("json" if path.suffix.lower() == ".json" else "csv")
        params = {"format": kind, **filters}
        unfinished = path.with_name(f"{path.name}.part")
        try:
            with (
                unfinished.open("wb") as file,
                self._transport.send(
                    "GET", f"{_of(project)}/export", params=params, stream=True
                ) as answer,
            ):
                for block in answer.iter_content(64 * 1024):
                    file.write(block)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        return path

    # --- suggestions

    def suggest(
        self,
        project: int,
        *,
        file: File | None = None,
        name: str = "",
        url: str = "",
        results: int = 10,
        threshold: float = 30.0,
        use_first: bool = False,
        save: bool = False,
        image_name: str = "",
    ) -> Result:
        """Return the suggested labels of one image, with the labeled images they rest on.

        Args:
            file, name, url: the image, given in exactly one of three ways: a file, an image of the
                project by its name, an address on the web that the server fetches.
            results: how many of the nearest labeled images vote.
            threshold: least score of a label, in percent.
            use_first: only the best label, whatever its score.
            save: add the image with these labels, or label it where the project has it.
            image_name: the name to save it under.
        """
        params = {
            "project": project,
            "limit": results,
            "threshold": threshold,
            "use-first": use_first,
            "save": save,
            "image-name": image_name,
            "explain": True,
        }
        told = self._ask_about("/api/similarity-labels", params, file, name, url, once=save)
        given = name or url or (str(file) if isinstance(file, (str, Path)) else "")
        return Result.of({**told, "image": given, "saved": told["saved"] or ""})

    def suggest_many(
        self,
        project: int,
        *,
        files: Iterable[str | Path] = (),
        names: Sequence[str] = (),
        results: int = 10,
        threshold: float = 30.0,
        use_first: bool = False,
        explain: bool = False,
    ) -> Iterator[Result]:
        """Yield suggestions of many images, in order; those that cannot be read have an `error`.

        Args:
            files: files on this machine; or
            names: names of images of the project.
            explain: also tell the labeled images that the suggestions rest on.
        """
        controls = {
            "results": results,
            "threshold": threshold,
            "use_first": use_first,
            "explain": explain,
        }
        for start in range(0, len(names), NAMES_A_REQUEST):
            some = list(names[start : start + NAMES_A_REQUEST])
            yield from self._suggestions(project, {"json": {"images": some, **controls}}, some)
        for portion in portions((str(path), Path(path)) for path in files):
            yield from self.suggest_portion(project, portion, controls)

    def suggest_portion(
        self, project: int, portion: Portion, controls: Mapping[str, Any]
    ) -> Iterator[Result]:
        """Yield the suggestions of files that were read already."""
        if portion.files:
            form = {"files": form_files(portion.files), "data": dict(controls)}
            paths = [file.path for file in portion.files]
            yield from self._suggestions(project, form, paths)
        for path, sentence in portion.unreadable:
            yield Result(path, error=sentence, code="unreadable_file")

    def _suggestions(
        self, project: int, body: dict[str, Any], asked: Sequence[str]
    ) -> Iterator[Result]:
        path = f"{_of(project)}/suggestions"
        told = self._transport.send("POST", path, body=lambda: body).json()
        results, job = told["results"], told["job"]
        while job and job["state"] not in {"done", "failed"}:
            time.sleep(LOOK_AGAIN)
            job = self._get(f"{_of(project)}/jobs/{job['id']}")
            results = job["results"]
        for given, each in zip(asked, results, strict=False):
            yield Result.of({**each, "image": given})
        if len(results) < len(asked):
            raise AlikeError(job["error"] if job else "An answer is missing.", code="job_failed")

    def confirm(self, project: int, results: Iterable[Result]) -> Changed:
        """Save suggestions as labels of images that the project has, with their scores."""
        told = [
            {
                "image": result.saved or result.image,
                "suggestions": [
                    {"label": each.label, "score": each.score} for each in result.suggestions
                ],
            }
            for result in results
        ]
        return Changed.of(self._write(f"{_of(project)}/suggestions/commit", {"results": told}))

    def similar(
        self,
        project: int,
        *,
        file: File | None = None,
        name: str = "",
        url: str = "",
        limit: int = 10,
        threshold: float = 0.0,
        labels: Sequence[str] = (),
        all_labels: bool = False,
    ) -> list[SimilarImage]:
        """Return the images of the project that are most similar to one image, nearest first.

        Args:
            file, name, url: the image; see `suggest`.
            threshold: least similarity, in percent.
            labels: only images that carry one of these, or all of them with `all_labels`.
        """
        params = {
            "project": project,
            "limit": limit,
            "threshold": threshold,
            "labels": list(labels),
            "and": all_labels,
        }
        told = self._ask_about("/api/similarity", params, file, name, url)
        return [SimilarImage.of(each) for each in told]

    def _ask_about(
        self,
        path: str,
        params: dict[str, Any],
        file: File | None,
        name: str,
        url: str,
        *,
        once: bool = False,
    ) -> Any:
        if (file is not None) + bool(name) + bool(url) != 1:
            raise TypeError("Give exactly one of file, name and url.")
        body: dict[str, Any] = {"json": {"imageName": name} if name else {"url": url}}
        if file is not None:
            kind = {"Content-Type": "application/octet-stream"}
            body = {"data": _content_of(file), "headers": kind}
        answer = self._transport.send("POST", path, params=params, body=lambda: body, once=once)
        return answer.json()

    # --- uploads

    def upload(
        self,
        project: int,
        files: Iterable[str | Path],
        *,
        root: str | Path | None = None,
        labels: Sequence[str] = (),
        by_folder: bool = False,
    ) -> Iterator[Uploaded]:
        """Send files; yield what became of each, in order within each request.

        Files whose bytes the project has are not sent again, so an upload that was broken off goes
        on where it was when it is started again.

        Args:
            root: the folder that paths are told relative to; without it the server gets names only.
            labels: for all images that are added.
            by_folder: label each image by the name of the folder it lies in.
        """
        told = ((_told_path(Path(file), root), Path(file)) for file in files)
        for portion in portions(told):
            yield from self.upload_portion(project, portion, labels=labels, by_folder=by_folder)

    def upload_folder(
        self,
        project: int,
        folder: str | Path,
        *,
        labels: Sequence[str] = (),
        by_folder: bool = False,
    ) -> Iterator[Uploaded]:
        """Send every file under a folder but hidden ones; see `upload`."""
        files = files_under(Path(folder))
        return self.upload(project, files, root=folder, labels=labels, by_folder=by_folder)

    def upload_portion(
        self,
        project: int,
        portion: Portion,
        *,
        labels: Sequence[str] = (),
        by_folder: bool = False,
    ) -> Iterator[Uploaded]:
        """Send files that were read already; those that are there are not sent."""
        return uploads.send_portion(
            self._transport, _of(project), portion, _wish(labels, by_folder)
        )

    def upload_zip(
        self,
        project: int,
        path: str | Path,
        *,
        labels: Sequence[str] = (),
        by_folder: bool = False,
    ) -> Iterator[Uploaded]:
        """Send a zip, wait until the server has unpacked it, and yield what became of each file."""
        wish = _wish(labels, by_folder)
        upload = uploads.send_zip(self._transport, _of(project), Path(path), wish)
        yield from map(Uploaded.of, self._listed(f"{_of(project)}/uploads/{upload['id']}/results"))
        if upload["state"] == "failed":
            raise AlikeError(upload["error"], code="upload_failed")

    # --- how it is asked

    def _get(self, path: str) -> Any:
        return self._transport.send("GET", path).json()

    def _write(self, path: str, data: Mapping[str, Any]) -> Any:
        return self._transport.send("POST", path, body=lambda: {"json": data}, once=True).json()

    def _listed(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Yield the rows of a list, part by part."""
        asked: Mapping[str, Any] | None = {"limit": ROWS_A_REQUEST, **(params or {})}
        while path:
            part = self._transport.send("GET", path, params=asked).json()
            yield from part["results"]
            # Behind a proxy the server may not know the host it is reached by.
            rest = urlsplit(part["next"] or "")
            path, asked = f"{rest.path}?{rest.query}" if rest.query else "", None


def _of(project: int) -> str:
    return f"/api/v1/projects/{project}"


def _content_of(file: File) -> bytes:
    if isinstance(file, bytes):
        return file
    return Path(file).read_bytes() if isinstance(file, (str, Path)) else file.read()


def _told_path(path: Path, root: str | Path | None) -> str:
    return path.name if root is None else path.relative_to(root).as_posix()


def _wish(labels: Sequence[str], by_folder: bool) -> dict[str, str]:
    return {"labels": ",".join(labels), "label_by_folder": str(by_folder).lower()}
