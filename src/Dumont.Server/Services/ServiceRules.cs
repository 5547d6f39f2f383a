using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Server.Instances;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Services;

/// <summary>What services and hooks must be. Pure; each refusal names the field and what is allowed.</summary>
internal static partial class ServiceRules
{
    public const string OnFailover = "on_failover";
    public const string OnRecovery = "on_recovery";

    /// <summary>Of one instance.</summary>
    public const int ServicesMax = 16;

    private const int CommandMax = 4096;
    private const double TimeoutMax = 3600;
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(60);

    /// <summary>The service that a request describes; null with what is wrong in <paramref name="errors"/>.</summary>
    public static DeclaredService? ToService(string name, SetServiceRequest request, List<FieldError> errors)
    {
        if (!NamePattern().IsMatch(name))
        {
            errors.Add(new FieldError("name", "Must be 1 to 32 lower-case letters, digits and hyphens, and begin with a letter.", In: "path"));
        }

        CheckCommand(request.Command, errors);
        ServicePlace? place = request.RunsOn switch { null or "any" => ServicePlace.Any, "gpu" => ServicePlace.Gpu, _ => null };
        if (place is null)
        {
            errors.Add(new FieldError("runs_on", "Must be one of any, gpu."));
        }

        return errors.Count > 0 ? null : new DeclaredService(name, request.Command!, place!.Value);
    }

    /// <summary>The hook that a request describes; null with what is wrong in <paramref name="errors"/>.</summary>
    public static DeclaredHook? ToHook(string name, SetHookRequest request, List<FieldError> errors)
    {
        if (name is not (OnFailover or OnRecovery))
        {
            errors.Add(new FieldError("name", $"Must be one of {OnFailover}, {OnRecovery}.", In: "path"));
        }

        CheckCommand(request.Command, errors);
        if (request.TimeoutSeconds is { } seconds && !(seconds is >= 1 and <= TimeoutMax))
        {
            errors.Add(new FieldError("timeout_seconds", FormattableString.Invariant($"Must be from 1 to {TimeoutMax}.")));
        }

        return errors.Count > 0 ? null : new DeclaredHook(request.Command!, request.TimeoutSeconds is { } given ? TimeSpan.FromSeconds(given) : DefaultTimeout);
    }

    /// <summary>With a service added or replaced; null when there are too many.</summary>
    public static DeclaredServices? With(DeclaredServices before, DeclaredService service)
    {
        var others = before.Services.Where(each => each.Name != service.Name).ToList();
        return others.Count >= ServicesMax
            ? null
            : before with { Services = [.. others.Append(service).OrderBy(each => each.Name, StringComparer.Ordinal)] };
    }

    /// <summary>Without a service; null when there is none of that name.</summary>
    public static DeclaredServices? Without(DeclaredServices before, string name) =>
        before.Services.Any(each => each.Name == name) ? before with { Services = [.. before.Services.Where(each => each.Name != name)] } : null;

    /// <summary>With another hook, or none; null when there is no hook of that name.</summary>
    public static DeclaredServices? With(DeclaredServices before, string name, DeclaredHook? hook) => name switch
    {
        OnFailover => before with { OnFailover = hook },
        OnRecovery => before with { OnRecovery = hook },
        _ => null,
    };

    private static void CheckCommand(string? command, List<FieldError> errors)
    {
        if (string.IsNullOrWhiteSpace(command) || command.Length > CommandMax)
        {
            errors.Add(new FieldError("command", FormattableString.Invariant($"Must be 1 to {CommandMax} characters, not only spaces.")));
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9-]{0,31}$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
