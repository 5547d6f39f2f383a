namespace Dumont.Cli.Grammar;

// The command table is data: one ResourceSpec a resource, one CommandSpec an action. Parsing, help, suggestions, completion, the
// request and the output are all read from it, so that a command exists in one place (ADR-0001).

internal enum ApiMethod
{
    Get,
    Post,
    Put,
    Delete,
}

/// <summary>What a key's value becomes on the wire.</summary>
internal enum KeyType
{
    Text,
    Integer,
    Number,
    Boolean,

    /// <summary>One of <see cref="KeySpec.Values"/>.</summary>
    Choice,

    /// <summary>Repeated key: JSON array of strings.</summary>
    TextList,

    /// <summary>Repeated key: JSON array of integers.</summary>
    IntegerList,

    /// <summary>JSON object, or members by dotted keys: <c>settings.auto_hibernate=true</c>.</summary>
    Object,

    /// <summary>JSON object of strings, by dotted keys: <c>env.PORT=8080</c>.</summary>
    TextMap,
}

/// <summary>A <c>key=value</c> that a command takes, and its twin flag.</summary>
internal sealed record KeySpec(string Name, KeyType Type, Text Help)
{
    /// <summary>Allowed values of a <see cref="KeyType.Choice"/>.</summary>
    public string[] Values { get; init; } = [];

    /// <summary>The server's default, shown in help; never sent.</summary>
    public string? Default { get; init; }

    /// <summary>Other names for the same key, in their snake_case form.</summary>
    public string[] Aliases { get; init; } = [];

    public bool IsRequired { get; init; }

    /// <summary>Sent in the query even where the method has a body.</summary>
    public bool InQuery { get; init; }
}

internal enum PositionalKind
{
    Text,

    /// <summary>An instance's number, or its label, which is looked up.</summary>
    Instance,

    /// <summary>Taken as it is, even with an equals sign in it: a password.</summary>
    Verbatim,
}

/// <summary>An argument by position. Fills <c>{name}</c> in the path, else goes where keys go.</summary>
internal sealed record PositionalSpec(string Name, Text Help)
{
    public PositionalKind Kind { get; init; }

    public bool IsOptional { get; init; }

    /// <summary>Takes all that is left; keys among it are keys, but for <see cref="PositionalKind.Verbatim"/>.</summary>
    public bool IsRest { get; init; }
}

/// <summary>How a value is shown to people.</summary>
internal enum ColumnFormat
{
    Text,
    Integer,
    UsdPerHour,
    Usd,
    Gigabytes,
    Megabits,

    /// <summary>A fraction, 0 to 1.</summary>
    Fraction,

    /// <summary>A percentage, 0 to 100.</summary>
    Percent,
    Decimal,

    /// <summary>A number of bytes.</summary>
    Bytes,
    Seconds,

    /// <summary>Coloured, with a symbol, by what it means.</summary>
    State,
    Boolean,

    /// <summary>A point in time.</summary>
    Time,
}

/// <summary>One column of a table. <see cref="Field"/> may reach into objects: <c>cpu_standby.zone</c>.</summary>
internal sealed record Column(string Header, string Field, ColumnFormat Format = ColumnFormat.Text)
{
    /// <summary>Only with <c>-o wide</c>.</summary>
    public bool IsWide { get; init; }

    /// <summary>May be cut when the terminal is narrow; numbers never are.</summary>
    public bool IsFlexible => Format is ColumnFormat.Text or ColumnFormat.Time;
}

/// <summary>What a command waits for after the server has accepted it.</summary>
/// <param name="Path">What is polled; <c>{id}</c> is the instance.</param>
/// <param name="StatusField">Field that tells the phase.</param>
/// <param name="Done">Values that end the wait well; empty: the thing is gone (404).</param>
/// <param name="Failed">Values that end it badly.</param>
/// <param name="Timeout">Where <c>--timeout</c> does not say.</param>
internal sealed record WaitSpec(string Path, string StatusField, string[] Done, string[] Failed, TimeSpan Timeout)
{
    /// <summary>Field of the first answer that fills <c>{id}</c>; null: the command's own positional.</summary>
    public string? IdField { get; init; }

    /// <summary>Shows what was polled last instead of the first answer.</summary>
    public bool ShowsFinal { get; init; }

    /// <summary>Fields of the first answer that are brought up to date besides the status.</summary>
    public string[] UpdatedFields { get; init; } = [];

    /// <summary>What to look at when it failed; <c>{id}</c> is what was waited for.</summary>
    public string FailureHint { get; init; } = "dumont instance events {id}";
}

internal delegate Task<ExitCode> CommandHandler(CommandContext context, CancellationToken cancellationToken);

/// <summary>One command.</summary>
/// <param name="Action">Word after the resource; empty for a resource that is itself a command.</param>
/// <param name="Method">HTTP method.</param>
/// <param name="Path">Path below the base URL, <c>{positional}</c> in braces; empty where a handler does it all.</param>
/// <param name="Summary">One line for help.</param>
/// <param name="Examples">Two, without the program's name.</param>
internal sealed record CommandSpec(string Action, ApiMethod Method, string Path, Text Summary, string[] Examples)
{
    public string[] Aliases { get; init; } = [];

    /// <summary>A word right after the action that makes it another command: <c>instance create wizard</c>.</summary>
    public string? SubWord { get; init; }

    /// <summary>That word may as well stand after the first argument: <c>instance migrate 17 estimate</c>.</summary>
    public bool SubWordMayFollow { get; init; }

    public PositionalSpec[] Positionals { get; init; } = [];

    public KeySpec[] Keys { get; init; } = [];

    /// <summary>Keys that the table does not name are passed on, typed by what they look like.</summary>
    public bool AcceptsOtherKeys { get; init; }

    /// <summary>Understands <c>gpu_ram&gt;=48</c>: becomes <c>min_…</c> and <c>max_…</c> keys.</summary>
    public bool AcceptsFilters { get; init; }

    /// <summary>Property of the answer that holds the rows; <c>""</c> when the answer is the rows; null when it is one object.</summary>
    public string? Rows { get; init; }

    public Column[] Columns { get; init; } = [];

    /// <summary>Field that <c>-o name</c> prints.</summary>
    public string NameField { get; init; } = "id";

    /// <summary>Field, in $/h, whose sum stands below the table.</summary>
    public string? TotalField { get; init; }

    /// <summary>Members sent in the body besides what the user gives.</summary>
    public (string Name, bool Value)[] FixedBody { get; init; } = [];

    public WaitSpec? Wait { get; init; }

    /// <summary>Question before something is destroyed, asked on a terminal only; <c>{0}</c> is the first positional.</summary>
    public Text? Confirm { get; init; }

    /// <summary>Does what the table cannot say; null for the plain request.</summary>
    public CommandHandler? Handler { get; init; }
}

/// <summary>One noun.</summary>
internal sealed record ResourceSpec(string Name, Text Summary, CommandSpec[] Commands)
{
    /// <summary>Action when none is given; null lists the actions.</summary>
    public string? DefaultAction { get; init; }
}
