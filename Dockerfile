# The image of web server, worker, clock and migrations: one, so that they never differ.

FROM python:3.11-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# A compiler for hnswlib, which has no wheel. What Debian ships with this release is what is meant.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml constraints.txt ./
COPY scripts/requirements.py scripts/
# Without this it would be compiled for this processor, and may not run on the server's.
RUN HNSWLIB_NO_NATIVE=1 pip wheel --wheel-dir /wheels --constraint constraints.txt hnswlib
RUN python -m venv /opt/labeling \
    && python scripts/requirements.py --server > server.txt \
    && /opt/labeling/bin/pip install --find-links /wheels --constraint constraints.txt -r server.txt
# torch builds the encoders and stays behind. Where PyPI's is the large CUDA build, give the address
# of PyTorch's CPU wheels: --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=
RUN python -m venv /opt/builds-encoders \
    && if [ -n "$TORCH_INDEX" ]; then \
         version=$(grep '^torch==' constraints.txt) \
         && /opt/builds-encoders/bin/pip install --index-url "$TORCH_INDEX" "$version"; \
       fi \
    && python scripts/requirements.py --encoders > encoders.txt \
    && /opt/builds-encoders/bin/pip install --constraint constraints.txt -r encoders.txt
COPY similarity similarity
RUN /opt/builds-encoders/bin/python -m similarity.encoders.build /opt/labeling/share/labeling/encoders

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin labeling \
    && install --directory --owner labeling --group labeling /data /run/metrics
COPY --from=build /opt/labeling /opt/labeling
WORKDIR /app
COPY . .
# No .pyc could be written later: the root is read-only.
RUN /opt/labeling/bin/python -m compileall -q labeling projects similarity manage.py
ENV PATH=/opt/labeling/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    LABELING_DATA=/data \
    LABELING_HOST=0.0.0.0 \
    LABELING_LOG=json \
    PROMETHEUS_MULTIPROC_DIR=/run/metrics
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=8)"]
CMD ["gunicorn", "--config", "python:labeling.web_server", "--no-control-socket"]
