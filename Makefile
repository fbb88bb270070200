# Two commands for a newcomer: `make demo` and `make test`.

CARGO ?= cargo
DEMO_DIR ?= .demo
PORT ?= 8600

.PHONY: demo test build dashboard clean-demo

demo: build
	$(CARGO) run -q -p chancery -- --dir $(DEMO_DIR) demo --port $(PORT)

test:
	bash .ci/test

build: dashboard
	@echo "building the node: several minutes the first time"
	$(CARGO) build -q -p chancery

dashboard:
	@if command -v npm >/dev/null 2>&1; then \
	  cd dashboard && { [ node_modules -nt package-lock.json ] || npm ci --silent --no-audit --no-fund; } && npm run --silent build; \
	else \
	  echo "skipped the page: npm is not installed (Node.js 20 or newer); the rest works"; \
	fi

clean-demo:
	rm -rf $(DEMO_DIR)
