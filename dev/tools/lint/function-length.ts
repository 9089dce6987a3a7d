const MAX_LINES = 70;

/** A rule of `deno lint`: a function has at most 70 lines, of tests too. */
const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    "function-length": {
      create(context) {
        const { sourceCode } = context;
        const check = (node: Deno.lint.Node) => {
          const lines = sourceCode.getText(node).split("\n").length;
          if (lines <= MAX_LINES) return;
          context.report({ node, message: `a function of ${lines} lines; at most ${MAX_LINES}` });
        };
        return {
          FunctionDeclaration: check,
          FunctionExpression: check,
          ArrowFunctionExpression: check,
        };
      },
    },
  },
};

export default plugin;
