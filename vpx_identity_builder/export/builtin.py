"""Our own exporters, by the same hook as anybody's."""

from __future__ import annotations

from collections.abc import Mapping

from vpx_identity_builder.export.bundle import Bundle
from vpx_identity_builder.export.report import render
from vpx_identity_builder.hooks import hookimpl

REPORT = "report.html"


def own_files(bundle: Bundle) -> dict[str, bytes]:
    """What our own exporters write."""
    return {**FolderExporter().identity_builder_export(bundle), **ReportExporter().identity_builder_export(bundle)}


class FolderExporter:
    """The images and documents of §2."""

    @hookimpl
    def identity_builder_export(self, bundle: Bundle) -> Mapping[str, bytes]:
        """Every image with its metadata, the summaries, and `result.json`."""
        return bundle.files()


class ReportExporter:
    """The page for people."""

    @hookimpl
    def identity_builder_export(self, bundle: Bundle) -> Mapping[str, bytes]:
        """`report.html`."""
        return {REPORT: render(bundle).encode()}
