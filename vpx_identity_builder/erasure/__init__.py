"""Erasure: what was kept of a video or a person goes, is looked for everywhere afterwards, and a note of it stays."""
