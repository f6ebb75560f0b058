# SPDX-License-Identifier: Apache-2.0
VDSO_FLAGS += -mno-sse -fcf-protection=none
