using Dumont.Cli.Grammar;
using Dumont.Cli.Output;

namespace Dumont.Cli.Help;

/// <summary>Help from the command table: what it is for, examples first, then the details.</summary>
internal sealed class HelpPrinter(TextWriter output, CliEnvironment environment, GlobalOptions options)
{
    private const int NameWidth = 26;

    private readonly Style _style = Style.For(environment, options, environment.OutputIsTerminal);

    /// <summary><c>dumont help [topic | resource [action]]</c>.</summary>
    public static ExitCode Print(List<string> arguments, CliEnvironment environment, GlobalOptions options)
    {
        var printer = new HelpPrinter(environment.Out, environment, options);
        if (arguments.Count < 2)
        {
            printer.Root();
            return ExitCode.Ok;
        }

        if (HelpTopics.Find(arguments[1]) is { } topic)
        {
            environment.Out.WriteLine(topic.In(options.Language));
            return ExitCode.Ok;
        }

        if (CommandTable.Find(arguments[1]) is null)
        {
            var near = Suggestions.Near(arguments[1], CommandTable.Resources.Select(r => r.Name).Concat(HelpTopics.Names));
            throw new UsageException(
                new($"no help on '{arguments[1]}'", $"não há ajuda sobre '{arguments[1]}'"),
                near.Count > 0 ? $"dumont help {near[0]}" : $"topics: {string.Join(", ", HelpTopics.Names)}");
        }

        switch (CommandLineParser.Parse(arguments.GetRange(1, arguments.Count - 1), help: true))
        {
            case CommandLineParser.Parsed.CommandHelp(var resource, var command):
                printer.Command(resource, command);
                break;
            case CommandLineParser.Parsed.ResourceHelp(var resource):
                printer.Resource(resource);
                break;
        }

        return ExitCode.Ok;
    }

    public void Root()
    {
        output.WriteLine(Say(new(
            "dumont — rent GPUs, keep them alive through failures, pay less", "dumont — alugue GPUs, mantenha-as vivas em falhas, pague menos")));
        Heading(new("Examples", "Exemplos"));
        output.WriteLine("  dumont auth login user@email.com");
        output.WriteLine("  dumont instance offers gpu_name=rtx4090 max_price=0.50");
        output.WriteLine("  dumont instance create wizard gpu_name=rtx4090 label=train");
        output.WriteLine("  dumont ssh train");
        Heading(new("Commands", "Comandos"));
        foreach (var (name, summary) in CommandTable.Resources)
        {
            Row(name, summary);
        }

        Heading(new("Topics", "Tópicos"));
        output.WriteLine($"  dumont help {string.Join(" | ", HelpTopics.Names)}");
        Heading(new("Use", "Uso"));
        output.WriteLine("  dumont <resource> <action> [argument…] [key=value…] [--flags]");
        output.WriteLine("  dumont <resource> --help");
    }

    public void Resource(ResourceSpec resource)
    {
        output.WriteLine($"dumont {resource.Name} — {Say(resource.Summary)}");
        Heading(new("Actions", "Ações"));
        foreach (var command in resource.Commands)
        {
            Row(command.SubWord is null ? command.Action : $"{command.Action} {command.SubWord}", command.Summary);
        }

        Heading(new("Examples", "Exemplos"));
        foreach (var command in resource.Commands.Take(4))
        {
            output.WriteLine($"  dumont {command.Examples[0]}");
        }

        output.WriteLine();
        output.WriteLine(Say(new("Details of one action: ", "Detalhes de uma ação: ")) + $"dumont {resource.Name} {resource.Commands[0].Action} --help");
    }

    public void Command(ResourceSpec resource, CommandSpec command)
    {
        output.WriteLine(Say(command.Summary));
        Heading(new("Examples", "Exemplos"));
        foreach (var example in command.Examples)
        {
            output.WriteLine($"  dumont {example}");
        }

        Heading(new("Use", "Uso"));
        output.WriteLine($"  {CommandLineParser.Usage(resource, command)}");
        if (command.Aliases.Length > 0)
        {
            output.WriteLine($"  {Say(new("also called", "também chamado"))}: {string.Join(", ", command.Aliases)}");
        }

        if (command.Positionals.Length > 0)
        {
            Heading(new("Arguments", "Argumentos"));
            foreach (var positional in command.Positionals)
            {
                Row(positional.Name, positional.Help);
            }
        }

        if (command.Keys.Length > 0)
        {
            Heading(new("Keys, as key=value or --key value", "Chaves, como key=value ou --key value"));
            foreach (var key in command.Keys)
            {
                Row($"{key.Name}={Placeholder(key)}", key.Help, key.IsRequired ? Say(new("required", "obrigatória")) : DefaultOf(key));
            }
        }

        Heading(new("Flags of every command", "Opções de todo comando"));
        foreach (var (flags, value, help) in GlobalOptions.All)
        {
            Row(value is null ? flags : $"{flags} {value}", help);
        }

        output.WriteLine();
        output.WriteLine(Say(new("Exit codes: dumont help exit-codes", "Códigos de saída: dumont help exit-codes")));
    }

    private static string Placeholder(KeySpec key) => key.Type switch
    {
        KeyType.Text => "TEXT",
        KeyType.Integer => "N",
        KeyType.Number => "X",
        KeyType.Boolean => "true|false",
        KeyType.Choice => string.Join('|', key.Values),
        KeyType.TextList => "TEXT…",
        KeyType.IntegerList => "N…",
        KeyType.Object => "JSON",
        KeyType.TextMap => "JSON",
    };

    private string DefaultOf(KeySpec key) => key.Default is null ? "" : $"{Say(new("default", "padrão"))} {key.Default}";

    private void Row(string name, Text help, string? note = null)
    {
        var text = string.IsNullOrEmpty(note) ? Say(help) : $"{Say(help)} ({note})";
        output.WriteLine(name.Length < NameWidth ? $"  {name.PadRight(NameWidth)}{text}" : $"  {name}\n  {new string(' ', NameWidth)}{text}");
    }

    private void Heading(Text text)
    {
        output.WriteLine();
        output.WriteLine(_style.Bold(Say(text)));
    }

    private string Say(Text text) => text.In(options.Language);
}
