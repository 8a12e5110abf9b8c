package pipeline_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pictures"
	"github.com/millrace-dev/millrace/cmd/examples/transcode/pipeline"
	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/test/rig"
	"github.com/millrace-dev/millrace/worker"
)

// A picture that cannot be read holds up nothing, and the manifest says why it is missing.
func TestTranscode(t *testing.T) {
	t.Parallel()
	e := rig.Start(t)
	e.Work(t, worker.Workflow(pipeline.Transcode), worker.Activity(pipeline.Shrink), worker.Activity(pipeline.WriteManifest))
	dot, err := pictures.Files.ReadFile("dot.png")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := pipeline.Upload(t.Context(), e.Client(), fstest.MapFS{
		"a.PNG": {Data: dot}, "b.jpg": {Data: []byte("no picture")}, "readme.txt": {Data: []byte("no picture")},
		"sub/c.png": {Data: dot},
	})
	if err != nil || len(sources) != 2 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	job := pipeline.Job{Sources: sources, Out: t.TempDir()}
	m := rig.Result(t, rig.Run(t, e, pipeline.Transcode, job, client.Queue(rig.Queue)))
	if len(m.Pictures) != 2 || m.Pictures[0].Error != "" || !strings.Contains(m.Pictures[1].Error, "no picture") {
		t.Errorf("the results are %+v", m.Pictures)
	}
	var written pipeline.Manifest
	data, err := os.ReadFile(filepath.Join(job.Out, pipeline.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &written); err != nil || !reflect.DeepEqual(written, m) {
		t.Errorf("the manifest is %s, %v", data, err)
	}
	if _, err := os.Stat(filepath.Join(job.Out, "a.PNG.jpg")); err != nil {
		t.Error(err)
	}
}
