"""Every address. One list a module of views, in the order a person meets them."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from .views import (
    acceptances,
    batches,
    by_label,
    duplicates,
    encoders,
    exports,
    failures,
    images,
    labels,
    media,
    profile,
    projects,
    review,
    samples,
    session,
    standing,
    uploads,
    workspace,
    wrong_labels,
)

sessions = [
    path("sign-in/", LoginView.as_view(template_name="sign_in.html"), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("enter/<str:token>/", session.enter, name="enter"),
    path("profile", profile.profile, name="profile"),
    path("profile/tokens/<int:pk>/revoke", profile.revoke, name="token-revoke"),
]

project_list = [
    path("", projects.project_list, name="projects"),
    path("projects/new", projects.project_new, name="project-new"),
    path("projects/<int:pk>/settings", projects.project_settings, name="project-settings"),
    path("projects/<int:pk>/encoder", encoders.section, name="encoder"),
    path("projects/<int:pk>/encoder/change", encoders.change, name="encoder-change"),
    path("projects/<int:pk>/encoder/cancel", encoders.cancel, name="encoder-cancel"),
    path("projects/<int:pk>/api", samples.api_samples, name="project-api"),
    path("projects/<int:pk>/delete", projects.project_delete, name="project-delete"),
    path("projects/<int:pk>/restore", projects.project_restore, name="project-restore"),
]

labeling = [
    path("projects/<int:pk>/", workspace.workspace, name="project"),
    path("projects/<int:pk>/tiles", workspace.tiles, name="tiles"),
    path("projects/<int:pk>/tiles/again", workspace.tiles_again, name="tiles-again"),
    path("projects/<int:pk>/ids", workspace.ids, name="ids"),
    path("projects/<int:pk>/state", workspace.state, name="state"),
    path("projects/<int:pk>/images/<int:image_pk>/details", images.details, name="image-details"),
    path("projects/<int:pk>/images/trash", images.trash, name="images-trash"),
    path("projects/<int:pk>/images/label", labels.give, name="images-label"),
    path("projects/<int:pk>/images/clear", labels.clear, name="images-clear"),
    path("projects/<int:pk>/images/absent", labels.mark_absent, name="images-absent"),
    path("projects/<int:pk>/images/star", labels.star_label, name="images-star"),
    path("projects/<int:pk>/undo", labels.undo, name="undo"),
    path("projects/<int:pk>/redo", labels.redo, name="redo"),
    path("projects/<int:pk>/labels/add", labels.add, name="label-add"),
    path("projects/<int:pk>/labels/order", labels.reorder, name="label-order"),
    path("projects/<int:pk>/labels/<int:label_pk>/edit", labels.edit, name="label-edit"),
    path("projects/<int:pk>/labels/<int:label_pk>/merge", labels.merge, name="label-merge"),
    path("projects/<int:pk>/labels/<int:label_pk>/delete", labels.delete, name="label-delete"),
]

_upload = "projects/<int:pk>/uploads/<int:upload_pk>/"
uploading = [
    path("projects/<int:pk>/uploads/options", uploads.options, name="upload-options"),
    path("projects/<int:pk>/uploads/start", uploads.start, name="upload-start"),
    path(f"{_upload}check", uploads.check, name="upload-check"),
    path(f"{_upload}files", uploads.files, name="upload-files"),
    path(f"{_upload}archive", uploads.archive, name="upload-archive"),
    path(f"{_upload}finish", uploads.finish, name="upload-finish"),
    path(f"{_upload}status", uploads.status, name="upload-status"),
    path(f"{_upload}results", uploads.results, name="upload-results"),
    path("projects/<int:pk>/progress", failures.progress, name="progress"),
    path("projects/<int:pk>/failures", failures.failures, name="failures"),
    path("projects/<int:pk>/failures/retry", failures.retry, name="failures-retry"),
    path("projects/<int:pk>/failures/remove", failures.remove, name="failures-remove"),
]

_image = "projects/<int:pk>/images/<int:image_pk>/"
pictures = [
    path(f"{_image}thumbnail", media.thumbnail, name="image-thumbnail"),
    path(f"{_image}large", media.large, name="image-large"),
    path(f"{_image}file", media.original, name="image-file"),
]

standings = [
    path("projects/<int:pk>/standing", standing.standing, name="standing"),
    path("projects/<int:pk>/standing/part", standing.part, name="standing-part"),
]

_duplicates = "projects/<int:pk>/duplicates"
near_duplicates = [
    path(_duplicates, duplicates.duplicates, name="duplicates"),
    path(f"{_duplicates}/more", duplicates.more, name="duplicates-more"),
    path(f"{_duplicates}/cards", duplicates.cards, name="duplicates-cards"),
    path(f"{_duplicates}/like", duplicates.like, name="duplicates-like"),
    path(f"{_duplicates}/like-all", duplicates.like_all, name="duplicates-like-all"),
]

_wrong = "projects/<int:pk>/wrong-labels"
labels_that_look_wrong = [
    path(_wrong, wrong_labels.wrong_labels, name="wrong-labels"),
    path(f"{_wrong}/cards", wrong_labels.cards, name="wrong-labels-cards"),
    path(f"{_wrong}/replace", wrong_labels.replace, name="wrong-labels-replace"),
    path(f"{_wrong}/confirm", wrong_labels.confirm, name="wrong-labels-confirm"),
]

_by_label = "projects/<int:pk>/by-label"
review_by_label = [
    path(_by_label, by_label.by_label, name="by-label"),
    path(f"{_by_label}/sheet", by_label.sheet, name="by-label-sheet"),
    path(f"{_by_label}/decide", by_label.decide, name="by-label-decide"),
    path(f"{_by_label}/new-label", by_label.new_label, name="by-label-new-label"),
    path(f"{_by_label}/evidence/<int:image_pk>", by_label.evidence, name="by-label-evidence"),
]

labels_as_files = [
    path("projects/<int:pk>/export.csv", exports.export_csv, name="export-csv"),
    path("projects/<int:pk>/export.json", exports.export_json, name="export-json"),
    path("projects/<int:pk>/import", exports.import_csv, name="import-csv"),
]

_batch = "projects/<int:pk>/batches/<int:batch_pk>/"
reviews = [
    path("projects/<int:pk>/similar", batches.similar, name="similar"),
    path("projects/<int:pk>/similar/selection", batches.similar_to_selection, name="similar-to"),
    path("projects/<int:pk>/batches", batches.open_batches, name="batches"),
    path("projects/<int:pk>/batches/selection", batches.from_selection, name="batch-selection"),
    path("projects/<int:pk>/batches/next", batches.next_batch, name="batch-next"),
    path("projects/<int:pk>/batches/first", batches.first_batch, name="batch-first"),
    path(_batch, review.review, name="batch"),
    path(f"{_batch}rows", review.rows, name="batch-rows"),
    path(f"{_batch}rows/<int:item_pk>", review.all_neighbours, name="batch-neighbours"),
    path(f"{_batch}controls", review.controls, name="batch-controls"),
    path(f"{_batch}tick", review.tick, name="batch-tick"),
    path(f"{_batch}reset", review.reset, name="batch-reset"),
    path(f"{_batch}accept", review.accept, name="batch-accept"),
    path(f"{_batch}remove", review.remove, name="batch-remove"),
    path(f"{_batch}correct", review.correct, name="batch-correct"),
    path(f"{_batch}undo", review.undo, name="batch-undo"),
    path(f"{_batch}redo", review.redo, name="batch-redo"),
    path(f"{_batch}commit", batches.commit, name="batch-commit"),
    path(f"{_batch}discard", batches.discard, name="batch-discard"),
    path(f"{_batch}reopen", batches.reopen, name="batch-reopen"),
]

accepting = [
    path("projects/<int:pk>/accept", acceptances.accept_page, name="accept"),
    path("projects/<int:pk>/accept/offer", acceptances.accept_offer, name="accept-offer"),
    path("projects/<int:pk>/accept/save", acceptances.accept, name="accept-save"),
    path(f"{_batch}check", acceptances.check_page, name="batch-check"),
    path(f"{_batch}check/save", acceptances.check, name="batch-check-save"),
    path(f"{_batch}take-back", acceptances.take_back, name="batch-take-back"),
]

urlpatterns = [
    *sessions,
    *project_list,
    *labeling,
    *uploading,
    *pictures,
    *reviews,
    *accepting,
    *near_duplicates,
    *standings,
    *labels_that_look_wrong,
    *review_by_label,
    *labels_as_files,
    path("", include("projects.api.urls")),
]
