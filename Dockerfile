# Builds one static binary. Copy it into other images:
#
#     COPY --from=untrap /untrap /usr/local/bin/untrap
#     ENTRYPOINT ["untrap", "web: puma -p 3000", "sidekiq"]

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin untrap && mv target/*/release/untrap /untrap

FROM scratch
COPY --from=build /untrap /untrap
ENTRYPOINT ["/untrap"]
