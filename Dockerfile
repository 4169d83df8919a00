ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_COMPILE=1
RUN python -m venv /opt/fcnm-bids
ENV PATH=/opt/fcnm-bids/bin:${PATH}
WORKDIR /src

# Build isolation would fetch its backends without checking hashes, so they are locked like all others.
COPY docker/requirements-build.txt docker/requirements-build.txt
RUN python -m pip install --require-hashes --only-binary :all: -r docker/requirements-build.txt
# docopt was never published as a wheel.
COPY requirements.txt requirements.txt
RUN python -m pip install --require-hashes --no-build-isolation \
        --only-binary :all: --no-binary docopt -r requirements.txt

# This precedes the program's own files, so that a change to the code does not fetch templates again.
ARG TEMPLATES=fetch
ENV TEMPLATEFLOW_HOME=/opt/templateflow
COPY docker/fetch_templates.py docker/fetch_templates.py
RUN python docker/fetch_templates.py "${TEMPLATES}"

COPY . .
RUN cp CITATION.cff LICENSE /opt/fcnm-bids/
RUN python -m pip install --no-index --no-deps --no-build-isolation . \
    && python -m pip uninstall --yes \
        hatchling pathspec pluggy setuptools tomlkit trove-classifiers ziglang pip \
    && MPLCONFIGDIR=/tmp/matplotlib python docker/slim.py

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
ARG DOCUMENTATION=${SOURCE}
LABEL org.opencontainers.image.title="fcnm_bids" \
      org.opencontainers.image.description="Functional connectivity network mapping on fMRIPrep derivatives, as a BIDS-App" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.url="${SOURCE}" \
      org.opencontainers.image.documentation="${DOCUMENTATION}" \
      org.opencontainers.image.authors="The fcnm_bids developers" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=builder /opt/templateflow /opt/templateflow
COPY --from=builder /opt/fcnm-bids /opt/fcnm-bids
# Any uid may run the image: it needs no user name, and everybody can write to the home folder.
RUN mkdir -m 1777 /opt/home

# MPLCONFIGDIR is not set: the program puts it into the work folder, which is always writable,
# unlike /tmp in a read-only container.
ENV PATH=/opt/fcnm-bids/bin:${PATH} \
    HOME=/opt/home \
    LANG=C.UTF-8 \
    LOGNAME=fcnm \
    MPLBACKEND=agg \
    NIPYPE_NO_ET=1 \
    NO_ET=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1 \
    TEMPLATEFLOW_AUTOUPDATE=off \
    TEMPLATEFLOW_HOME=/opt/templateflow
WORKDIR /opt/home
ENTRYPOINT ["fcnm-bids"]
