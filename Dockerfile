# syntax=docker/dockerfile:1
# Weir in a container: `docker build -t weir .`, for amd64 and arm64 alike with `docker buildx build --platform …`: nothing
# below names an architecture. tests/deployment.rs checks this file against the code.

FROM rust:1.95-bookworm AS build
# Pingora builds zlib-ng, which needs cmake.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /weir
# Cargo wants every member of the workspace, also those that the binary does not use.
COPY Cargo.toml Cargo.lock ./
COPY .cargo/ .cargo/
COPY bench/ bench/
COPY conf.d/ conf.d/
COPY config/ config/
COPY filters/ filters/
COPY migrations/ migrations/
COPY src/ src/
COPY store/ store/
COPY tests/kit/ tests/kit/
COPY wire/ wire/
COPY xtask/ xtask/
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    cargo build --release --locked --package weir --bin weir \
    && install -D target/release/weir /out/weir \
    && mkdir /out/data

# The C library and the certificate authorities, no shell and no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/weir /usr/local/bin/weir
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /out/data /data
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
ENV WEIR_LISTEN=0.0.0.0:8080 \
    WEIR_OPS_LISTEN=0.0.0.0:9090 \
    WEIR_DATA_DIR=/data
VOLUME /data
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["weir", "health"]
ENTRYPOINT ["weir"]
CMD ["serve"]
