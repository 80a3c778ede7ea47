"""The numeric core: pictures to embeddings, embeddings to neighbours, neighbours to suggestions.

Pure: no Django, no Celery, no network but an encoder's own weights, no environment variables.
Usable alone and offline: ``python -m similarity label FOLDER --labeled LABELED_FOLDER``, and
``python -m similarity evaluate FOLDER`` to measure how well that goes.
"""
