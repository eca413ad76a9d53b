"""body.pose: 17 COCO keypoints per person."""

from vpx.body_pose.analyzer import PoseAnalyzer
from vpx.body_pose.types import KeypointIndex, PoseOutput

__all__ = ["KeypointIndex", "PoseAnalyzer", "PoseOutput"]
