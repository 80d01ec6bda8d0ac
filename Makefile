# Onedoor. `make` alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help run test test-faults stack stack-down serve-test compose-test fmt clippy deny dist bench bench-stack bench-soak bench-neighbours clean-data

help: ## Show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build, then start the door with a development identity provider and three demonstration servers
	cargo build --release --locked --bin onedoor
	@ln -sfn target/release/onedoor onedoor
	./onedoor dev

test: ## Everything: format, lints, unit, integration and end-to-end tests, fuzzing for a minute
	@scripts/test.sh

test-faults: ## What must hold when parts fail, on three brokers: kills, pauses, cuts, wrong clocks (one test at a time)
	@scripts/test-faults.sh

stack: ## Start Kafka, PostgreSQL and Redis for the tests; say where they are
	@scripts/stack.sh up

stack-down: ## Stop them, and forget what they held
	@scripts/stack.sh down

serve-test: ## Follow docs/serve.md with a real Keycloak (3 minutes; fetches 177 MB once)
	@tests/serve/run.sh

compose-test: ## Bring up docker-compose.yml as docs/compose.md says, and use it (5 minutes; 15 where there is no Docker, as root)
	@tests/compose/run.sh

fmt: ## Format all code
	cargo fmt --all

clippy: ## Lint all code
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny: ## Check dependencies: bans, licences, sources (builds cargo-deny once)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
	cargo deny check bans licenses sources

dist: ## Build what is shipped and benchmarked: target/dist/onedoor
	cargo build --profile dist --locked --bin onedoor

bench: dist ## Measure what the door costs beside the direct way (15 minutes; on a quiet machine)
	cargo run --release --locked -p onedoor-bench -- --onedoor target/dist/onedoor cost --rounds 5 --seconds 5 --rate 200

bench-stack: dist stack ## The same with Kafka, PostgreSQL, Redis: a replica of the gateway and a projector of its own
	ONEDOOR_BIN=target/dist/onedoor cargo run --release --locked -p onedoor-bench -- --onedoor target/dist/onedoor --stack cost --rounds 5 --seconds 5 --rate 200

bench-soak: dist ## 1,000 idle streams beside 500 calls/s for two minutes: memory stays flat, nothing fails
	cargo run --release --locked -p onedoor-bench -- --onedoor target/dist/onedoor soak

bench-neighbours: dist ## One of ten servers hangs: what the others' callers notice (2 minutes)
	cargo run --release --locked -p onedoor-bench -- --onedoor target/dist/onedoor neighbours

clean-data: ## Forget the state of `make run`
	rm -rf data
