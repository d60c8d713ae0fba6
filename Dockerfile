# One image for the router and every service: the subcommand says which.
FROM docker.io/library/golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="${VERSION}"

# No shell and no package manager: certificates, time zones and a user.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
LABEL org.opencontainers.image.title="souk" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/bin/souk /souk
COPY image/router.yaml /etc/souk/router/router.yaml
WORKDIR /etc/souk
USER 65532:65532
EXPOSE 4000 9090
ENTRYPOINT ["/souk"]
# Serves supergraph.graphql of the directory that is mounted at /etc/souk/graph. A file that is
# mounted alone would stay the old one when it is replaced.
CMD ["router", "--config", "/etc/souk/router/router.yaml"]
