"""Coordinates of the head-pose points in the canonical face model.

Figures from MediaPipe's face geometry module (canonical face model, Apache License 2.0, The MediaPipe Authors), as
carried by the npm package `@mediapipe/face_mesh` 0.4.1657299874: of the 33 vertices of its Procrustes landmark basis
the 19 on forehead, temples and around the eyes. Those on jaw, cheeks and nose are left out: jaw and cheeks move with
the mouth, and a long nose or chin would read as a bent head. Centimetres; x to the image's right, y up, z towards the
camera, for a face that looks straight into it.
"""

from __future__ import annotations

import numpy as np

# mesh index: (x, y, z)
_VERTICES = {
    10: (0.0000, 8.2618, 4.4815),
    33: (-4.4459, 2.6640, 3.1734),
    54: (-6.2793, 6.6154, 1.4259),
    67: (-3.5240, 8.0060, 3.7292),
    117: (-5.2587, 0.9458, 2.9743),
    119: (-3.3007, 0.8616, 3.8728),
    121: (-1.8207, 1.4680, 4.2241),
    127: (-7.7431, 2.3650, -2.0052),
    133: (-1.8564, 2.5852, 3.7579),
    143: (-6.4076, 2.2360, 1.5608),
    263: (4.4459, 2.6640, 3.1734),
    284: (6.2793, 6.6154, 1.4259),
    297: (3.5240, 8.0060, 3.7292),
    346: (5.2587, 0.9458, 2.9743),
    348: (3.3007, 0.8616, 3.8728),
    350: (1.8207, 1.4680, 4.2241),
    356: (7.7431, 2.3650, -2.0052),
    362: (1.8564, 2.5852, 3.7579),
    372: (6.4076, 2.2360, 1.5608),
}

POSE_POINTS = np.array(list(_VERTICES), np.intp)
CANONICAL = np.array(list(_VERTICES.values()), np.float64)
# The two points before the ears are the far end of the lever that tells pitch.
POSE_WEIGHTS = np.array([2.0 if index in (127, 356) else 1.0 for index in _VERTICES])
