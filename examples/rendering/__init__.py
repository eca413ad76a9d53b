"""A ride video with exact truth, rendered from one public-domain photograph."""
