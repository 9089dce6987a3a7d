const MAX_LINES = 70;

/** Files with a function that may be longer, each with why. Tests tell a story from top to bottom. */
const LONGER: Readonly<Record<string, string>> = {};

/** A rule of `deno lint`: a function has at most 70 lines. An exception that is none is told too. */
const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "function-length": {
      create(context) {
        const { filename, sourceCode } = context;
        const excused = Object.keys(LONGER).some((file) => filename.endsWith(`/${file}`)) ||
          /\.test\.tsx?$/.test(filename);
        let longest = 0;
        const check = (node: Deno.lint.Node) => {
          const lines = sourceCode.getText(node).split("\n").length;
          longest = Math.max(longest, lines);
          if (lines <= MAX_LINES || excused) return;
          context.report({ node, message: `a function of ${lines} lines; at most ${MAX_LINES}` });
        };
        return {
          FunctionDeclaration: check,
          FunctionExpression: check,
          ArrowFunctionExpression: check,
          "Program:exit"(node) {
            if (longest > MAX_LINES || !excused || filename.includes(".test.")) return;
            context.report({ node, message: "excused in vain in dev/tools/lint" });
          },
        };
      },
    },
  },
};

export default plugin;
