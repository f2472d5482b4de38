# The image of tag-container: docs/deploy.md says how it is run.
#
# Pin the base by what it is, not by its name, wherever you build for production:
#   docker buildx imagetools inspect python:3.11-slim-bookworm      # prints the digest
#   docker build --build-arg PYTHON=python:3.11-slim-bookworm@sha256:… -t tag-container .
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
# Every file is compared with its hash in the lock. Nothing is built from source, so no compiler is needed.
COPY requirements.lock requirements.otel.lock ./
# With spans for OpenTelemetry: docker build --build-arg EXTRA=otel -t tag-container .
ARG EXTRA=
RUN pip download --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
        --requirement requirements.lock ${EXTRA:+--requirement requirements.$EXTRA.lock} --dest wheels
COPY pyproject.toml README.md LICENSE ./
COPY clients clients
COPY container container
COPY tags tags
COPY triggers triggers
COPY variables variables
# From the files of the lock alone: what the tests need is among them, but is not installed. Neither is pip.
RUN python -m venv --without-pip /opt/tag-container \
    && pip --python /opt/tag-container/bin/python install --no-cache-dir --disable-pip-version-check \
        --no-index --find-links wheels ".[postgres${EXTRA:+,$EXTRA}]"

FROM ${PYTHON}
COPY --from=build /opt/tag-container /opt/tag-container
# A folder of the working directory never comes before our packages; nothing is written beside the code.
ENV PATH=/opt/tag-container/bin:$PATH \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 tag-container \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tag-container \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data \
    && install --directory --mode 0755 /etc/tag-container
USER 10001:10001
# Where `container.yaml` is mounted. Secrets are mounted too, and are in no layer.
WORKDIR /etc/tag-container
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# Stopping takes up to 30 seconds: give it 40 (docker stop --time 40, or stop_grace_period).
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client as h, sys; c = h.HTTPConnection('127.0.0.1', 8080, timeout=3); c.request('GET', '/healthy'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["tag-container"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
