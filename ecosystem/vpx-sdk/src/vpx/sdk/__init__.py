"""The SDK of vpx modules: the base class, what a module returns, and helpers around both."""

from vpx.sdk.capability import Capability, ErrorPolicy, ModuleCapabilities, PortSchema
from vpx.sdk.crop import BBoxSmoother, face_crop
from vpx.sdk.discovery import check_module_name, discover_modules, load_module_class
from vpx.sdk.errors import (
    DependencyCycleError,
    DuplicateModuleError,
    MissingDependencyError,
    ModuleLoadError,
    ModuleNameMismatchError,
    ModuleNotInstalledError,
    SdkError,
)
from vpx.sdk.marks import AxisMark, BarMark, BBoxMark, DrawStyle, KeypointsMark, LabelMark, Mark
from vpx.sdk.module import Module
from vpx.sdk.observation import Observation
from vpx.sdk.order import toposort_modules
from vpx.sdk.paths import get_home_dir, get_models_dir
from vpx.sdk.roi_specs import RoiSpec, roi_box, roi_specs
from vpx.sdk.steps import ProcessingStep, get_processing_steps, processing_step

__all__ = [
    "AxisMark",
    "BBoxMark",
    "BBoxSmoother",
    "BarMark",
    "Capability",
    "DependencyCycleError",
    "DrawStyle",
    "DuplicateModuleError",
    "ErrorPolicy",
    "KeypointsMark",
    "LabelMark",
    "Mark",
    "MissingDependencyError",
    "Module",
    "ModuleCapabilities",
    "ModuleLoadError",
    "ModuleNameMismatchError",
    "ModuleNotInstalledError",
    "Observation",
    "PortSchema",
    "ProcessingStep",
    "RoiSpec",
    "SdkError",
    "check_module_name",
    "discover_modules",
    "face_crop",
    "get_home_dir",
    "get_models_dir",
    "get_processing_steps",
    "load_module_class",
    "processing_step",
    "roi_box",
    "roi_specs",
    "toposort_modules",
]
