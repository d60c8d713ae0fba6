# One image for the router and every service: the subcommand says which.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /souk .

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /souk /souk
COPY schema/supergraph.graphql /etc/souk/supergraph.graphql
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/souk"]
CMD ["router", "--supergraph", "/etc/souk/supergraph.graphql", "--listen", ":8080"]
