"""The tables. Each model answers questions about one row; its QuerySet selects rows by purpose."""

from .acts import AbsentLabel, Act, LabelChange
from .batches import Batch, BatchEdit, BatchItem
from .counts import ImageCount, LabelCount
from .images import Embedding, Image, ImageQuerySet
from .jobs import Job
from .labels import ImageLabel, Label
from .projects import Membership, Project, Role
from .reembeddings import Reembedding, ReembeddingFailure
from .requests import DayOfUse, KeptAnswer
from .tokens import ApiToken, Scope
from .uploads import Upload, UploadResult

__all__ = [
    "AbsentLabel",
    "Act",
    "ApiToken",
    "Batch",
    "BatchEdit",
    "BatchItem",
    "DayOfUse",
    "Embedding",
    "Image",
    "ImageCount",
    "ImageLabel",
    "ImageQuerySet",
    "Job",
    "KeptAnswer",
    "Label",
    "LabelChange",
    "LabelCount",
    "Membership",
    "Project",
    "Reembedding",
    "ReembeddingFailure",
    "Role",
    "Scope",
    "Upload",
    "UploadResult",
]
