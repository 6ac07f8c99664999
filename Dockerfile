# Both images of Waterspout. `npm run image` builds and tries them; by hand, from the folder of the repository:
#   docker build --target whole -t waterspout .             everything in one: Worker, processor, database, bucket
#   docker build --target processor -t waterspout-processor .   the processor alone, for a Worker that runs elsewhere
# Without --target it is the processor's, because Cloudflare's tool names no target.

# Tag and digest belong together: the tag is for people, the digest decides what is pulled. Another image needs its digest, too.
# The digest is that of the index for all architectures, so amd64 and arm64 are built from the same line.
ARG NODE_IMAGE=node:24.21.0-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe

FROM ${NODE_IMAGE} AS base
# Where packages come from, for networks that reach mirrors alone. What is installed is checked all the same: by APT's
# signatures, the digests of package-lock.json and the hashes of processor/requirements.txt.
ARG DEBIAN_MIRROR=http://deb.debian.org
RUN find /etc/apt \( -name '*.list' -o -name '*.sources' \) -exec sed -i "s#http://deb.debian.org#${DEBIAN_MIRROR}#" {} +

# ffmpeg and the libraries that it is linked against, without drivers for graphics cards
FROM base AS ffmpeg
COPY processor/collect-programs.sh /tmp/
RUN dpkg-query --show --showformat '${Package}\n' > /tmp/base-packages \
 && apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg \
 && /tmp/collect-programs.sh /out /tmp/base-packages /usr/bin/ffmpeg /usr/bin/ffprobe

# The lock file is everybody's; each of the next stages installs what its part needs. npm puts a package next to the only
# part that needs this version of it, so all of /app is copied from there, and not the first node_modules alone.
FROM base AS manifests
ARG NPM_REGISTRY=https://registry.npmjs.org
ENV npm_config_registry=${NPM_REGISTRY} \
    npm_config_audit=false \
    npm_config_fund=false
WORKDIR /app
COPY package.json package-lock.json ./
COPY schema/package.json ./schema/
COPY worker/package.json ./worker/
COPY processor/package.json ./processor/
COPY bin/package.json ./bin/
COPY test/third-party/package.json ./test/third-party/

FROM manifests AS processor-packages
COPY processor/trim-packages.sh /tmp/
RUN npm ci --workspace processor --omit=dev && /tmp/trim-packages.sh /app

FROM manifests AS whole-packages
COPY processor/trim-packages.sh /tmp/
RUN npm ci --omit=dev && /tmp/trim-packages.sh /app

# The Worker as one module, built here so that a start needs neither wrangler nor esbuild
FROM manifests AS worker
RUN npm ci
COPY . .
RUN node bin/build.ts

# yt-dlp as a package, which starts faster than its single-file form, with the version and the hashes of requirements.txt.
# For another release channel build with YTDLP_CHANNEL=nightly or master, and a YTDLP_VERSION for another than its newest
# build. A base image with an index of its own names the lock for it by YTDLP_LOCK.
FROM base AS ytdlp
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv
# pip reads it from here
ARG PIP_INDEX_URL=https://pypi.org/simple
ARG YTDLP_CHANNEL=stable
ARG YTDLP_VERSION=
ARG YTDLP_LOCK=/tmp/requirements.txt
# Any new value, such as the date, installs again what the channel publishes: a builder would take its former layer otherwise.
ARG YTDLP_REFRESH=
COPY processor/install-ytdlp.sh processor/requirements.txt /tmp/
RUN echo "refresh: ${YTDLP_REFRESH:-none}" \
 && YTDLP_LOCK="${YTDLP_LOCK}" /tmp/install-ytdlp.sh /opt/ytdlp "${YTDLP_CHANNEL}" "${YTDLP_VERSION}" \
 && /opt/ytdlp/bin/python -m pip uninstall --quiet --yes --root-user-action ignore pip

# What both images have in common
FROM base AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 tini \
 && rm -rf /var/lib/apt/lists/*
COPY --from=ffmpeg /out/ /
# fails here, and not in a job, when a library is missing
RUN ldconfig && ffmpeg -hide_banner -version && ffprobe -hide_banner -version
WORKDIR /app
ENV NODE_ENV=production \
    PATH=/opt/ytdlp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1

# /healthz and not /readyz: starting it again cures what does not answer, not a storage that is down.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

ARG VERSION=0.0.0
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

# tini reaps the tools' processes and passes SIGTERM on: responses are finished, runs drained or handed back.
ENTRYPOINT ["tini", "--"]

# Everything in one (docs/self-hosting.md)
FROM runtime AS whole
COPY --from=whole-packages /app ./
COPY . .
COPY --from=worker /app/.cache/worker ./.cache/worker
RUN printf '#!/bin/sh\nexec node /app/bin/waterspout.ts "$@"\n' > /usr/local/bin/waterspout \
 && chmod 755 /usr/local/bin/waterspout
# Everything that outlives the container is below /state; the root may be read-only with a tmpfs on /tmp.
RUN mkdir /state && chown node:node /state && chmod 700 /state
USER node
ENV WATERSPOUT_STATE=/state \
    HOST=0.0.0.0 \
    PORT=8787 \
    LOG_TO=stdout \
    DRAIN_SECONDS=20 \
    MALLOC_ARENA_MAX=2
EXPOSE 8787
VOLUME /state
LABEL org.opencontainers.image.title="Waterspout" \
      org.opencontainers.image.description="REST API that fetches media and delivers it to object storage"
CMD ["node", "--max-semi-space-size=2", "--optimize-for-size", "bin/start.ts"]
# Last, because it changes most often: renewing it leaves all other layers as they are.
ARG YTDLP_CHANNEL=stable
ENV YTDLP_CHANNEL=${YTDLP_CHANNEL}
COPY --from=ytdlp /opt/ytdlp /opt/ytdlp

# The processor alone
FROM runtime AS processor
COPY --from=processor-packages /app ./
COPY schema ./schema
COPY processor ./processor
# Work files are the only thing the processor writes: with a volume or a tmpfs here the root may be read-only.
RUN mkdir /work && chown node:node /work
USER node
ENV WORK_DIR=/work \
    TMPDIR=/work \
    PORT=8080
EXPOSE 8080
LABEL org.opencontainers.image.title="Waterspout processor" \
      org.opencontainers.image.description="Fetches, joins and delivers media for a Waterspout API"
# As bin/stack/processor.ts starts it.
CMD ["node", "--max-semi-space-size=4", "processor/main.ts"]
# Last, as above.
ARG YTDLP_CHANNEL=stable
ENV YTDLP_CHANNEL=${YTDLP_CHANNEL}
COPY --from=ytdlp /opt/ytdlp /opt/ytdlp
