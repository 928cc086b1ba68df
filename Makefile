# make help says what there is. Every target makes its own virtual environment and installs what it needs.
VENV ?= .venv
PY := $(VENV)/bin/python
PYTHON ?= python3
CONSTRAINTS ?= -c constraints.txt
CHROOTS ?= /var/tmp/vpcshark-chroots
WORKERS = 5
TESTS = $(PY) tests/run.py -n $(WORKERS) --no-loadscope-reorder --durations=30
HOURS = --timeout 14400
PLAIN = --config-settings editable_mode=compat# a line in a .pth; setuptools' finder costs each of a thousand starts 15 ms

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' $(MAKEFILE_LIST))

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.done: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(CONSTRAINTS) $(PLAIN) --editable '.[lab,dev]'
	touch $@

# Who only looks needs a quarter of that.
$(VENV)/.demo: setup.cfg constraints.txt
	@echo "Making $(VENV) and installing into it: a minute or two without a word."
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(CONSTRAINTS) $(PLAIN) --editable '.[lab]'
	touch $@

venv: $(VENV)/.done ## the virtual environment

tools: ## the programs that tests and demo run, by apt where it may
	sh tests/install-tools.sh

talk: $(VENV)/.demo tools ## ask a conference talk's question in the lab: README's first answer (root)
	$(VENV)/bin/vpcshark lab run --topology talk -- $(VENV)/bin/vpcshark why client server:80 || test $$? -eq 1

check: venv ## lint, format, types, template, shellcheck, prose
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --config-file tests/mypy.ini
	$(VENV)/bin/cfn-lint installer/cloudformation/*.yaml
	shellcheck extcap/vpcshark tests/*.sh .ci/run
	$(PY) tests/prose.py

check-latest: ## make check and make test with the newest of all that is installed, in build/latest (each week, say)
	rm -rf build/latest
	$(MAKE) VENV=build/latest CONSTRAINTS= check test

constraints: venv ## write down what is installed, once that passes (after check-latest: VENV=build/latest)
	$(PY) tests/constraints.py > build/constraints.txt && mv build/constraints.txt constraints.txt

coverage: venv tools compiled ## how much of the pure rooms their own tests run; fails below the floor
	$(PY) tests/coverage_floor.py

.PHONY: compiled
compiled: venv # a product that is installed is compiled; here each of a thousand starts would do it, where nothing may write
	@$(PY) -m compileall -q vpcshark tests

test: venv tools compiled ## what the README promises (in CI, what fails is run once more alone)
	$(TESTS) -m "not long"

test-long: WORKERS = 9# their tests wait more than they compute
test-long: venv tools browser compiled ## the rest: whole matrices, real waits, all sizes
	export VPCSHARK_LAB_PROFILE=aws-like VPCSHARK_EXAMPLES=all; \
	$(TESTS) $(HOURS) -m "(long or property) and not alone"; many=$$?; \
	$(PY) tests/run.py $(HOURS) -m alone tests/e2e; alone=$$?; exit $$((many | alone))

.PHONY: browser
browser: # what looks at pages; few need it
	sh tests/install-browser.sh

pages: venv browser compiled ## the pages that vpcshark writes, in a real Chromium with axe-core; screenshots in artifacts
	mkdir -p artifacts
	VPCSHARK_PAGES=artifacts $(PY) -m pytest -q -m long tests/cli/test_walk_page.py tests/cli/test_diagnose_page.py tests/cli/test_why_page.py

test-loaded: venv tools compiled ## make test beside a busy loop on each core and a writer to the disk
	$(PY) tests/load.py $(TESTS) -m "not long"

test-wiresharks: ## what Wireshark shows and does, with those of Debian 13 and sid (root; minutes, gigabytes, network)
	sh tests/wiresharks.sh $(CHROOTS)

live: venv ## all of it on an AWS account, its price asked first (ADDITIONALLY="--ssh-from CIDR"): captures, truth, clean-up
	$(VENV)/bin/vpcshark selftest --live $(ADDITIONALLY)

demo: $(if $(wildcard $(VENV)/.done),$(VENV)/.done,$(VENV)/.demo) ## see it work: a capture from the lab through real tshark
	@sh tests/install-tools.sh demo
	$(VENV)/bin/vpcshark demo

newcomer: ## what README says, done in fresh Debians as root and as a user, three times each (root; network, an hour)
	$(PYTHON) tests/newcomer.py $(CHROOTS)

docs: venv ## the documentation as a site in build/site; every link and page by script is checked
	$(VENV)/bin/pip install --quiet --disable-pip-version-check 'mkdocs-material>=9.5,<10'
	$(PY) docs/reference.py
	$(PY) docs/helppage.py
	$(PY) docs/truth.py
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --site-dir build/site

.PHONY: packages
packages: ## sdist, wheel and .deb: the wheel tried under pip, pipx and uv, as root the .deb in a fresh Debian (network)
	$(PYTHON) tests/packages.py $(CHROOTS)

release: ## build, check and tag a release into build/release; pushes nothing (root, network; ADDITIONALLY=--dry-run)
	$(PYTHON) installer/release.py build/release $(CHROOTS) $(ADDITIONALLY)

man: venv ## the man page, into build/vpcshark.1
	mkdir -p build
	$(PY) docs/manpage.py build/vpcshark.1

screenshots: venv tools ## take the README's pictures from real Wireshark under Xvfb
	$(PY) docs/screenshots.py
	$(PY) docs/terminals.py

tour: venv tools ## pictures of all that vpcshark shows in Wireshark, to be looked at: artifacts/tour (root)
	$(PY) docs/tour.py artifacts/tour

attack: venv tools compiled ## hostile accounts, hosts, endpoints and files, and the table of how each run ended (long)
	mkdir -p artifacts
	VPCSHARK_ATTACKS=artifacts/attacks.tsv $(PY) -m pytest -q -n 4 tests/attack

chaos: venv tools compiled ## each step of a capture with each fault, random schedules, a thousand captures (long)
	mkdir -p artifacts
	VPCSHARK_CHAOS=long VPCSHARK_CHAOS_WORKERS=8 VPCSHARK_CHAOS_REPORT=artifacts/chaos.txt \
		$(PY) -m pytest $(HOURS) tests/chaos tests/e2e/test_nothing_left.py

endurance: venv tools ## 500 captures here and 500 over SSH, one after the other, and 20 at once (long)
	VPCSHARK_CHAOS=long $(PY) -m pytest $(HOURS) -s tests/e2e/test_nothing_left.py -k "many_captures or twenty"

fuzz: venv ## ten minutes of coverage-guided fuzzing of wire and diagnose (ADDITIONALLY="--seconds N --target diagnose")
	$(VENV)/bin/pip install --quiet --disable-pip-version-check atheris
	$(PY) tests/fuzz/fuzz.py $(ADDITIONALLY)

judge-ssh: venv tools ## what we make of SSH configurations, beside ssh -G: CASES=folder, and 200 that are generated
	VPCSHARK_EXAMPLES=all VPCSHARK_SSH_CASES=$(CASES) $(PY) -m pytest $(HOURS) -s tests/transport/test_judge_ssh.py

bench-startup: venv tools ## Wireshark's start with many ENIs, beside programs that do nothing
	$(PY) tests/bench/bench_startup.py

bench-engine: venv tools ## decapsulation, the whole path and the receiver, beside editcap, scapy and cat
	$(PY) tests/bench/bench_engine.py

bench-transport: venv tools ## SSH, beside sshdump and ssh
	$(PY) tests/bench/bench_transport.py

bench-duration: venv tools ## what tshark's -a duration counts, by when the section header comes
	$(PY) tests/bench/bench_duration.py

bench-walk: venv ## walks a second, how that grows with the account, and what a walk asks of AWS
	PYTHONPATH=. $(PY) tests/bench/bench_walk.py

bench-path: venv tools ## a path of 2, 20 and 100 interfaces: start, frames a second, memory (root)
	$(PY) tests/bench/bench_path.py

bench-flowlogs: venv ## flow log records, beside flowlogs-reader, scapy, text2pcap and zcat | grep
	$(VENV)/bin/pip install --quiet --disable-pip-version-check 'flowlogs-reader>=5,<6'
	PYTHONPATH=. $(PY) tests/bench/bench_flowlogs.py

bench-diagnose: venv tools ## what diagnose takes for 100 MB, beside tshark's expert (ADDITIONALLY="--gigabyte --syns 10000000")
	PYTHONPATH=. $(PY) tests/bench/bench_diagnose.py $(ADDITIONALLY)

judge-walk: venv ## walks over other people's dumps, beside what independent evaluators found (CASES=FOLDER)
	PYTHONPATH=. $(PY) tests/judge_walk.py $(CASES)

judge-flowlogs: venv ## flow log records that others documented, beside what they say these mean (CASES=FOLDER)
	PYTHONPATH=. $(PY) tests/judge_flowlogs.py $(CASES)

judge-packets: venv tools compiled ## walks over 100 lab topologies with planted faults, beside what packets do in them (root; minutes)
	@mkdir -p artifacts && rm -f artifacts/packets.tsv
	VPCSHARK_TABLES=artifacts $(PY) -m pytest -q -m long tests/lab/topologies/test_packets.py; status=$$?; cat artifacts/packets.tsv; exit $$status

judge-diagnose: venv ## what diagnose says of labelled captures, beside tshark's expert read naively (CASES=FOLDER)
	PYTHONPATH=. $(PY) tests/judge_diagnose.py $(CASES)

judge-decap: venv ## what decap says of other people's files (CASES=FOLDER with a folder "decap")
	@for file in $(CASES)/decap/*; do echo "$$file"; $(VENV)/bin/vpcshark decap "$$file" - 2>&1 >/dev/null | sed 's/^/  /'; done

plants: venv tools ## plant faults of networks for real and capture them at two points, with labels (root; OUT=FOLDER)
	$(PY) tests/support/plants/make.py --out $(OUT) $(ADDITIONALLY)

judge-plants: venv ## what diagnose says of planted faults and of sound traffic, beside their labels (OUT=FOLDER)
	$(PY) tests/judge_plants.py $(OUT) --command "$(VENV)/bin/vpcshark diagnose" $(ADDITIONALLY)

clean: ## remove what make made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
