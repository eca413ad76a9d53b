"""The analyzer `face.detect`: faces, tracks, head pose, face mesh and Face-ID embeddings."""

from vpx.face_detect.analyzer import FaceDetectionAnalyzer
from vpx.face_detect.types import DetectedFace, FaceDetectOutput, FaceObservation

__all__ = ["DetectedFace", "FaceDetectOutput", "FaceDetectionAnalyzer", "FaceObservation"]
