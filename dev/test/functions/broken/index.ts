/** Never starts. Never deployed. */
throw new Error("broken on purpose");
