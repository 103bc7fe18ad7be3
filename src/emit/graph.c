/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"
#include "emit/text.h"

enum {
	NAME_WIDTH = 40,
	DETAIL_WIDTH = 48,
	STREAMS_SHOWN = 8,
	IRQS_SHOWN = 12,
};

struct graph {
	const struct sp_plan *plan;
	const struct sp_plan_guest *guest;
	struct sp_buf *out;
	bool *drawn; /* by node of the host */
};

static const struct {
	const char *colour;
	const char *more; /* attributes */
	const char *legend;
} actions[SP_ACTION_COUNT] = {
	[SP_ACTION_COPY] = {"#2e7d32", "", "copied into the guest"},
	[SP_ACTION_STUB] = {"#b26a00", "", "replaced by a stand-in"},
	[SP_ACTION_GIVE] = {"#1565c0", "", "given along"},
	[SP_ACTION_DROP] = {"#757575", ", style=dashed", "left out"},
	[SP_ACTION_REFUSE] = {"#c62828", ", penwidth=2", "cannot be given"},
	[SP_ACTION_REWRITE] = {"#6a1b9a", "", "expressed anew"},
};

/* Within double quotes a backslash would begin an escape. */
static void put_label(struct sp_buf *out, const char *text, size_t width) {
	struct sp_buf plain = {0};

	sp_text_short(&plain, text, width);
	if (plain.failed)
		out->failed = true;
	for (size_t i = 0; i < plain.size; i++) {
		if (plain.data[i] == '"' || plain.data[i] == '\\')
			sp_buf_char(out, '\\');
		sp_buf_char(out, plain.data[i]);
	}
	sp_buf_release(&plain);
}

static void put_id(struct sp_buf *out, char kind, uint32_t number) {
	sp_buf_char(out, kind);
	sp_buf_dec(out, number);
}

static void put_edge(struct sp_buf *out, char from_kind, uint32_t from, char to_kind, uint32_t to) {
	sp_buf_char(out, '\t');
	put_id(out, from_kind, from);
	sp_buf_str(out, " -> ");
	put_id(out, to_kind, to);
}

/* A node of the host by its name, with its parent's path below. */
static void draw_node(struct graph *graph, sp_node node, const char *attributes) {
	const struct sp_tree *tree = graph->plan->host->tree;
	struct sp_buf *out = graph->out;
	sp_node parent;

	if (graph->drawn[node])
		return;
	graph->drawn[node] = true;
	parent = sp_tree_parent(tree, node);
	sp_buf_char(out, '\t');
	put_id(out, 'n', node);
	sp_buf_str(out, " [label=\"");
	put_label(out, parent == SP_NODE_NONE ? "/" : sp_tree_name(tree, node), NAME_WIDTH);
	if (parent != SP_NODE_NONE) {
		sp_buf_str(out, "\\nin ");
		put_label(out, sp_tree_path(tree, parent), NAME_WIDTH);
	}
	sp_buf_char(out, '"');
	sp_buf_str(out, attributes);
	sp_buf_str(out, "];\n");
}

/* A node that is given away or lies within one that is. */
static void draw_given(struct graph *graph, sp_node node) {
	uint32_t device;

	if (graph->drawn[node])
		return;
	draw_node(graph, node, ", fillcolor=\"#e8f5e9\"");
	device = sp_emit_device_of(graph->plan, graph->guest, node);
	if (device == UINT32_MAX || graph->guest->devices.data[device].node == node)
		return;
	put_edge(graph->out, 'n', graph->guest->devices.data[device].node, 'n', node);
	sp_buf_str(graph->out, " [style=dotted, arrowhead=none];\n");
}

static void draw_devices(struct graph *graph) {
	const struct sp_plan_guest *guest = graph->guest;

	for (uint32_t i = 0; i < guest->devices.count; i++)
		draw_node(graph, guest->devices.data[i].node,
			guest->devices.data[i].companion ? ", fillcolor=\"#c8e6c9\""
							 : ", fillcolor=\"#a5d6a7\", penwidth=2");
	for (uint32_t i = 0; i < guest->devices.count; i++) {
		const struct sp_guest_device *device = &guest->devices.data[i];

		if (!device->companion || device->because == SP_NODE_NONE)
			continue;
		draw_given(graph, device->because);
		put_edge(graph->out, 'n', device->because, 'n', device->node);
		sp_buf_str(graph->out, " [label=\"brings along\", color=\"#1565c0\"];\n");
	}
}

static bool same_edge(const struct sp_dependency *a, const struct sp_dependency *b) {
	return a->node == b->node && a->provider == b->provider && a->action == b->action &&
		strcmp(a->property, b->property) == 0 &&
		(a->detail == b->detail ||
			(a->detail && b->detail && strcmp(a->detail, b->detail) == 0));
}

/* Draws the dependency and those after it that differ in nothing but the index; returns how many.
 */
static uint32_t draw_dependency(struct graph *graph, uint32_t first) {
	const struct sp_plan_guest *guest = graph->guest;
	const struct sp_dependency *dependency = &guest->dependencies.data[first];
	bool dangles = dependency->provider == SP_NODE_NONE;
	struct sp_buf *out = graph->out;
	uint32_t count = 1;

	while (first + count < guest->dependencies.count &&
		same_edge(dependency, &guest->dependencies.data[first + count]))
		count++;
	draw_given(graph, dependency->node);
	if (dangles) {
		sp_buf_char(out, '\t');
		put_id(out, 'x', first);
		sp_buf_str(out, " [label=\"(nothing)\", shape=plaintext, style=\"\"];\n");
	} else {
		draw_node(graph, dependency->provider, ", fillcolor=\"#f5f5f5\"");
	}
	put_edge(out, 'n', dependency->node, dangles ? 'x' : 'n',
		dangles ? first : dependency->provider);
	sp_buf_str(out, " [label=\"");
	put_label(out, dependency->property, NAME_WIDTH);
	sp_buf_char(out, '[');
	sp_buf_dec(out, dependency->index);
	if (count > 1) {
		sp_buf_str(out, "..");
		sp_buf_dec(out, guest->dependencies.data[first + count - 1].index);
	}
	sp_buf_char(out, ']');
	if (dependency->detail) {
		sp_buf_str(out, "\\n");
		put_label(out, dependency->detail, DETAIL_WIDTH);
	}
	sp_buf_str(out, "\", color=\"");
	sp_buf_str(out, actions[dependency->action].colour);
	sp_buf_char(out, '"');
	sp_buf_str(out, actions[dependency->action].more);
	sp_buf_str(out, "];\n");
	return count;
}

static void draw_stream(struct graph *graph, uint32_t first, bool *done) {
	const struct sp_guest_stream *stream = &graph->guest->streams.data[first];
	const char *master = sp_text_path(graph->plan, stream->node);
	bool proxy = strcmp(stream->holder, master) != 0;
	struct sp_buf *out = graph->out;

	draw_given(graph, stream->node);
	draw_node(graph, stream->stream.iommu, ", shape=hexagon, fillcolor=\"#d1c4e9\"");
	if (proxy) {
		sp_buf_char(out, '\t');
		put_id(out, 'p', first);
		sp_buf_str(out, " [label=\"");
		put_label(out, stream->holder, NAME_WIDTH);
		sp_buf_str(out,
			"\\nstands for the device at the IOMMU\", style=\"filled,dashed\", "
			"fillcolor=\"#ede7f6\"];\n");
		put_edge(out, 'n', stream->node, 'p', first);
		sp_buf_str(out, " [style=dotted, arrowhead=none];\n");
	}
	put_edge(out, proxy ? 'p' : 'n', proxy ? first : stream->node, 'n', stream->stream.iommu);
	sp_buf_str(out, " [label=\"");
	sp_text_streams(out, graph->guest, first, done, STREAMS_SHOWN);
	sp_buf_str(out, "\", color=\"#4527a0\"];\n");
}

static void draw_streams(struct graph *graph) {
	bool *done = calloc(graph->guest->streams.count + 1u, sizeof(*done));

	if (!done) {
		graph->out->failed = true;
		return;
	}
	for (uint32_t i = 0; i < graph->guest->streams.count; i++) {
		if (!done[i])
			draw_stream(graph, i, done);
	}
	free(done);
}

/* The interrupts of one device and its descendants, in one node. */
static void draw_irqs_of(struct graph *graph, const uint32_t *owners, uint32_t device) {
	const struct sp_plan_guest *guest = graph->guest;
	struct sp_buf *out = graph->out;
	uint32_t count = 0;

	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		if (owners[i] != device || ++count > IRQS_SHOWN)
			continue;
		if (count == 1) {
			sp_buf_char(out, '\t');
			put_id(out, 'i', device);
			sp_buf_str(
				out, " [shape=note, style=filled, fillcolor=\"#fff8e1\", label=\"");
		}
		sp_text_irq(out, guest->irqs.data[i].number, guest->irqs.data[i].type);
		sp_buf_str(out, " (IRQ ");
		sp_buf_dec(out, guest->irqs.data[i].number);
		sp_buf_str(out, ")\\l");
	}
	if (!count)
		return;
	if (count > IRQS_SHOWN) {
		sp_buf_str(out, "and ");
		sp_buf_dec(out, count - IRQS_SHOWN);
		sp_buf_str(out, " more\\l");
	}
	sp_buf_str(out, "\"];\n");
	put_edge(out, 'n', guest->devices.data[device].node, 'i', device);
	sp_buf_str(out, " [color=\"#ff8f00\"];\n");
}

static void draw_irqs(struct graph *graph) {
	const struct sp_plan_guest *guest = graph->guest;
	uint32_t *owners = calloc(guest->irqs.count + 1u, sizeof(*owners));

	if (!owners) {
		graph->out->failed = true;
		return;
	}
	for (uint32_t i = 0; i < guest->irqs.count; i++)
		owners[i] = sp_emit_device_of(graph->plan, guest, guest->irqs.data[i].node);
	for (uint32_t i = 0; i < guest->devices.count; i++)
		draw_irqs_of(graph, owners, i);
	free(owners);
}

static void draw_holders(struct graph *graph) {
	const struct sp_plan *plan = graph->plan;
	struct sp_buf *out = graph->out;

	for (uint32_t i = 0; i < plan->holders.count; i++) {
		const struct sp_holder *holder = &plan->holders.data[i];

		if (sp_emit_device_of(plan, graph->guest, holder->node) == UINT32_MAX)
			continue;
		draw_given(graph, holder->node);
		sp_buf_char(out, '\t');
		put_id(out, 'h', i);
		sp_buf_str(out, " [shape=component, fillcolor=\"#eceff1\", label=\"");
		put_label(out, holder->path, NAME_WIDTH);
		sp_buf_str(out, "\\nin dom0, holds ");
		put_label(out, holder->what, NAME_WIDTH);
		sp_buf_str(out, "\"];\n");
		put_edge(out, 'n', holder->node, 'h', i);
		sp_buf_str(out, " [color=\"#546e7a\", style=dashed];\n");
	}
}

/* What the colours of the dependencies mean that occur. */
static void draw_legend(struct graph *graph) {
	const struct sp_plan_guest *guest = graph->guest;
	struct sp_buf *out = graph->out;
	unsigned used = 0;

	for (uint32_t i = 0; i < guest->dependencies.count; i++)
		used |= 1u << guest->dependencies.data[i].action;
	if (!used)
		return;
	sp_buf_str(out,
		"\tlegend [shape=plaintext, style=\"\", label=<<table border=\"0\" "
		"cellborder=\"0\" cellspacing=\"0\">");
	for (uint32_t i = 0; i < SP_ACTION_COUNT; i++) {
		if (!(used & 1u << i))
			continue;
		sp_buf_str(out, "<tr><td align=\"left\"><font color=\"");
		sp_buf_str(out, actions[i].colour);
		sp_buf_str(out, "\">");
		sp_buf_str(out, sp_action_name((enum sp_action)i));
		sp_buf_str(out, "</font></td><td align=\"left\">");
		sp_buf_str(out, actions[i].legend);
		sp_buf_str(out, "</td></tr>");
	}
	sp_buf_str(out, "</table>>];\n");
}

static void draw(struct graph *graph) {
	const struct sp_plan_guest *guest = graph->guest;
	struct sp_buf *out = graph->out;

	sp_text_comment_heading(out, graph->plan, "Graph of the devices", guest);
	sp_buf_str(out, "# dot -Tsvg -o graph.svg graph.dot\n\ndigraph \"");
	put_label(out, guest->request->name, NAME_WIDTH);
	sp_buf_str(out,
		"\" {\n"
		"\trankdir=LR; nodesep=0.25; ranksep=1; fontname=\"sans-serif\";\n"
		"\tnode [shape=box, style=\"rounded,filled\", fillcolor=white, "
		"color=\"#616161\", fontname=\"sans-serif\", fontsize=10];\n"
		"\tedge [fontname=\"sans-serif\", fontsize=9, color=\"#616161\"];\n\n");
	draw_devices(graph);
	draw_irqs(graph);
	draw_streams(graph);
	for (uint32_t i = 0; i < guest->dependencies.count;)
		i += draw_dependency(graph, i);
	draw_holders(graph);
	draw_legend(graph);
	sp_buf_str(out, "}\n");
}

bool sp_emit_graph(
	const struct sp_plan *plan, uint32_t guest, struct sp_buf *out, struct sp_error *error) {
	struct graph graph = {.plan = plan, .guest = &plan->guests.data[guest], .out = out};

	graph.drawn = calloc(sp_tree_count(plan->host->tree), sizeof(*graph.drawn));
	if (!graph.drawn)
		return sp_error_memory(error);
	draw(&graph);
	free(graph.drawn);
	return true;
}
