// Package spillway converses with one `spillway simulate --batch`.
package spillway

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"spillway.io/tests/differential/verdict"
)

// Process answers one snapshot after the other.
type Process struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
	broken  error
}

// Start runs `binary` as the simulator of kube-scheduler `version`, in this mode of `spillway simulate`.
func Start(binary, version, mode string) (*Process, error) {
	p := &Process{command: exec.Command(binary, "simulate", "-f", "-", "--batch", "--mode="+mode, "--kube-scheduler-version="+version)}
	p.command.Stderr = os.Stderr
	var err error
	if p.input, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.output = bufio.NewReaderSize(output, 1<<20)
	return p, p.command.Start()
}

// Simulate asks about a List on one line. The error is spillway's about this input, unless Broken().
func (p *Process) Simulate(list []byte) (verdict.Answer, error) {
	var answer struct {
		verdict.Answer
		Error string `json:"error"`
	}
	if bytes.ContainsRune(list, '\n') {
		return answer.Answer, errors.New("the List is not on one line")
	}
	if _, err := p.input.Write(append(list, '\n')); err != nil {
		return answer.Answer, p.fail(err)
	}
	line, err := p.output.ReadBytes('\n')
	if err != nil {
		return answer.Answer, p.fail(fmt.Errorf("%w, %v", err, p.command.Wait()))
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return answer.Answer, p.fail(fmt.Errorf("%w in %q", err, line))
	}
	if answer.Error != "" {
		return answer.Answer, errors.New(answer.Error)
	}
	return answer.Answer, nil
}

func (p *Process) fail(err error) error {
	p.broken = fmt.Errorf("spillway simulate broke off: %w", err)
	return p.broken
}

// Broken is not nil once the process cannot answer any more.
func (p *Process) Broken() error { return p.broken }

func (p *Process) Stop() {
	p.input.Close()
	p.command.Wait()
}
