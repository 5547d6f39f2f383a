namespace Dumont.Cli.Grammar;

// command    = resource action *( positional ) *( pair / flag / json / condition ) [ "--" *word ]
// flag       = "--key" value / "--key=value" / "--key" (booleans) / "--no-key"      the twin of the pair
// json       = "{" … "}"                                                             the whole body

/// <summary>Turns arguments, global flags already taken out, into an <see cref="Invocation"/>.</summary>
internal static class CommandLineParser
{
    /// <summary>What was asked for: a command, or help for a resource.</summary>
    internal abstract record Parsed
    {
        public sealed record Run(Invocation Invocation) : Parsed;

        public sealed record ResourceHelp(ResourceSpec Resource) : Parsed;

        public sealed record CommandHelp(ResourceSpec Resource, CommandSpec Command) : Parsed;
    }

    /// <exception cref="UsageException">The arguments make no command; says what would be near.</exception>
    public static Parsed Parse(List<string> arguments, bool help)
    {
        var resource = CommandTable.Find(arguments[0]) ?? throw UsageErrors.UnknownCommand(
            arguments[0], Suggestions.Near(arguments[0], CommandTable.Resources.Select(r => r.Name).Append("help")));
        var command = FindCommand(resource, arguments, out var consumed);
        if (command is null)
        {
            return new Parsed.ResourceHelp(resource);
        }

        if (help)
        {
            return new Parsed.CommandHelp(resource, command);
        }

        var invocation = new Invocation(resource, command);
        new ArgumentReader(invocation, arguments.GetRange(consumed, arguments.Count - consumed)).Read();
        return new Parsed.Run(invocation);
    }

    /// <summary>How the command is called, for help and messages.</summary>
    public static string Usage(ResourceSpec resource, CommandSpec command)
    {
        var parts = new List<string> { "dumont", resource.Name };
        if (command.Action.Length > 0)
        {
            parts.Add(command.Action);
        }

        if (command.SubWord is not null)
        {
            parts.Add(command.SubWord);
        }

        foreach (var positional in command.Positionals)
        {
            var name = positional.IsRest ? $"{positional.Name}…" : positional.Name;
            parts.Add(positional.IsOptional ? $"[{name}]" : $"<{name}>");
        }

        foreach (var key in command.Keys)
        {
            if (key.IsRequired)
            {
                parts.Add($"{key.Name}=…");
            }
        }

        if (command.AcceptsOtherKeys || Array.Exists(command.Keys, k => !k.IsRequired))
        {
            parts.Add("[key=value…]");
        }

        return string.Join(' ', parts);
    }

    private static CommandSpec? FindCommand(ResourceSpec resource, List<string> arguments, out int consumed)
    {
        if (resource.Commands is [{ Action: "" } only])
        {
            consumed = 1;
            return only;
        }

        var action = arguments.Count > 1 && arguments[1] != "help" ? arguments[1] : null;
        consumed = action is null ? 1 : 2;
        action ??= arguments.Count == 1 ? resource.DefaultAction : null;
        if (action is null)
        {
            return null;
        }

        CommandSpec? found = null;
        foreach (var command in resource.Commands)
        {
            if (command.Action != action && !command.Aliases.Contains(action))
            {
                continue;
            }

            if (command.SubWord is null)
            {
                found ??= command;
            }
            else if (consumed < arguments.Count && arguments[consumed] == command.SubWord)
            {
                consumed++;
                return command;
            }
            else if (command.SubWordMayFollow && consumed + 1 < arguments.Count && arguments[consumed + 1] == command.SubWord)
            {
                arguments.RemoveAt(consumed + 1);
                return command;
            }
        }

        return found ?? throw UsageErrors.UnknownAction(
            resource.Name, action, Suggestions.Near(action, resource.Commands.SelectMany(c => c.Aliases.Prepend(c.Action))));
    }
}
