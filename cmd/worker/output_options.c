/* SPDX-License-Identifier: MIT */
/* --tag, --collect, --joblog, --joblog-format. */
#include "worker/output.h"

struct work_output_options work_output_options;

static const char *const formats[] = { "parallel", "json", NULL };

const struct opt opt_work_output[] = {
	{ .help = "Output of commands" },
	{ 0, "tag", NULL, opt_flag, &work_output_options.tag,
	    "begin each line of a command's output with the message's id and a tab" },
	{ 0, "collect", NULL, opt_flag, &work_output_options.collect,
	    "write the output of a command in one piece when it has ended" },
	{ 0, "joblog", "FILE", opt_string, &work_output_options.joblog, "append a line for each command that ended" },
	{ 0, "joblog-format", "FORMAT", opt_choice, &work_output_options.joblog_format,
	    "as GNU parallel has it, or a JSON object", .choices = formats },
	{ 0 }
};
