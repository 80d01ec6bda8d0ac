# Onedoor's image: one binary, the libraries it links to and certificate authorities. No shell, no package manager, not root; the root
# file system may be read-only. State, where a role keeps any, is in /var/lib/onedoor.
#
#   docker build -t onedoor .                                   from source, as it is shipped (profile dist: a quarter of an hour)
#   docker build -t onedoor --build-arg PROFILE=release .       from source, quicker to build and slower to run
#   docker build -t onedoor -f Dockerfile --target prebuilt DIR of a binary that is there: DIR holds `onedoor`, built on Debian 12 or
#                                                               older, and the empty folder `state/onedoor/keys`
#
# What runs in earnest is built on a base that is named by its digest: --build-arg BASE=gcr.io/distroless/cc-debian12@sha256:…
ARG BASE=gcr.io/distroless/cc-debian12:nonroot
FROM ${BASE} AS base
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/onedoor"]

FROM base AS prebuilt
COPY onedoor /usr/local/bin/onedoor
COPY --chown=65532:65532 state /var/lib/

# The toolchain of rust-toolchain.toml, which is left out of the context: the image has it.
FROM rust:1.95.0-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
ARG PROFILE=dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    cargo build --profile "$PROFILE" --locked --bin onedoor \
    && install -D "target/$PROFILE/onedoor" /image/onedoor && mkdir -p /image/state/onedoor/keys

FROM base AS onedoor
COPY --from=build /image/onedoor /usr/local/bin/onedoor
COPY --from=build --chown=65532:65532 /image/state /var/lib/
