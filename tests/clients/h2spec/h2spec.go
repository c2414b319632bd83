//go:build tools

// Names what tools/install.sh builds, so that go.mod and go.sum hold all of its versions.
package h2spec

import _ "github.com/summerwind/h2spec/cmd/h2spec"
