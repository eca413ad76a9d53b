"""face.expression: mouth opening, eye opening and smile per face, by geometry only."""

from vpx.face_expression.analyzer import ExpressionAnalyzer
from vpx.face_expression.types import ExpressionOutput, FaceExpression

__all__ = ["ExpressionAnalyzer", "ExpressionOutput", "FaceExpression"]
