//go:build !before131

package oracle

func filterName(plugin string) string { return plugin }
