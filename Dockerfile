# One image for the service and the workers; the command selects the program (see docker-compose.yml).
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.txt requirements-linker.txt ./
RUN python -m venv /opt/afmbatch \
 && /opt/afmbatch/bin/pip install --no-cache-dir --require-hashes --requirement requirements.txt \
 && /opt/afmbatch/bin/pip install --no-cache-dir --require-hashes --requirement requirements-linker.txt
COPY pyproject.toml README.md ./
COPY afmbatch afmbatch
COPY kernels kernels
COPY service service
COPY worker worker
COPY client client
RUN /opt/afmbatch/bin/pip install --no-cache-dir --no-deps --no-build-isolation . ./client

FROM python:3.11-slim
COPY --from=build /opt/afmbatch /opt/afmbatch
RUN useradd --create-home --uid 1000 afmbatch \
 && install -d -o afmbatch -g afmbatch /data
USER 1000
WORKDIR /data
ENV PATH=/opt/afmbatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AFMBATCH_HOST=0.0.0.0 \
    AFMBATCH_PORT=8000 \
    AFMBATCH_STORE_URL=file:///data/store
EXPOSE 8000
ENTRYPOINT ["afmbatch"]
CMD ["serve"]
