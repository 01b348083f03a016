# The image of postern: the static program, the certificates of the authorities,
# and two folders. No shell, no root.
#
#   make image
#   docker run --read-only --tmpfs /run/postern:uid=65532,mode=0700 -v postern-state:/var/lib/postern \
#       -v ./postern.yaml:/etc/postern/postern.yaml:ro postern serve
#
# Sockets for Postfix are ports here, or unix sockets in a folder that is mounted
# and that the user 65532 may write to. One daemon alone: `socketmap` instead of
# `serve`, and so on.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
ARG COMMIT=unknown
RUN mkdir -p /out/run /out/state && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION -X main.commit=$COMMIT" -o /out/postern ./cmd/postern

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/postern /usr/bin/postern
COPY --from=build --chown=65532:65532 /out/run /run/postern
COPY --from=build --chown=65532:65532 /out/state /var/lib/postern
USER 65532:65532
VOLUME /var/lib/postern
# Longer than `postern health` waits, which says in one line what is wrong.
HEALTHCHECK --interval=30s --timeout=12s --start-period=10s --retries=3 CMD ["/usr/bin/postern", "health"]
ENTRYPOINT ["/usr/bin/postern"]
CMD ["serve"]
