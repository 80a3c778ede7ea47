"""Every bound of what people and scripts may send."""

from .base import ReadableForm
from .grid import GridFilter, ImportForm, SplitForm
from .projects import DeleteProjectForm, EncoderForm, ProjectForm, TokenForm
from .suggestions import AcceptForm, ByLabelForm, DuplicatesForm, StandingForm, WrongLabelsForm
from .uploads import (
    AnnouncedFilesForm,
    FailedImagesForm,
    FailuresForm,
    UploadForm,
    UploadResultsForm,
)

__all__ = [
    "AcceptForm",
    "AnnouncedFilesForm",
    "ByLabelForm",
    "DeleteProjectForm",
    "DuplicatesForm",
    "EncoderForm",
    "FailedImagesForm",
    "FailuresForm",
    "GridFilter",
    "ImportForm",
    "ProjectForm",
    "ReadableForm",
    "SplitForm",
    "StandingForm",
    "TokenForm",
    "UploadForm",
    "UploadResultsForm",
    "WrongLabelsForm",
]
