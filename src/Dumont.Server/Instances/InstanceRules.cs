using System.Text.RegularExpressions;
using Dumont.Contracts;
using Dumont.Server.Platform.Web;

namespace Dumont.Server.Instances;

/// <summary>What a request for an instance must satisfy. Pure; each refusal names the field.</summary>
internal static partial class InstanceRules
{
    public const double DefaultDiskGb = 100;

    private const int LabelLength = 128;
    private const int OnStartLength = 4000;

    /// <summary>Everything wrong with <paramref name="request"/>.</summary>
    public static IReadOnlyList<FieldError> Check(CreateInstanceRequest request)
    {
        var errors = new List<FieldError>();
        CheckChoice(request, errors);
        Range(errors, "num_gpus", request.NumGpus, 1, 8);
        Range(errors, "disk_size", request.DiskSize, 10, 10_000);
        Range(errors, "disk_space", request.DiskSpace, 10, 10_000);
        Range(errors, "max_price", (double?)request.MaxPrice, 0.001, 1000);
        Range(errors, "bid_price", (double?)request.BidPrice, 0.001, 128);
        CheckLabel(errors, "label", request.Label);
        CheckLabel(errors, "name", request.Name);
        if (request.Region is { } region && region.ToUpperInvariant() is not ("US" or "EU" or "ASIA"))
        {
            errors.Add(new FieldError("region", "Must be US, EU or ASIA."));
        }

        if (request.Image is { } image && !ImagePattern().IsMatch(image))
        {
            errors.Add(new FieldError("image", "Must be an image reference such as pytorch/pytorch:latest, at most 1,024 characters."));
        }

        if (request.OnstartCmd is { Length: > OnStartLength })
        {
            errors.Add(new FieldError("onstart_cmd", $"Must be at most {OnStartLength} characters."));
        }

        if (request.Ports is { } ports && (ports.Count > 60 || ports.Any(port => port is < 1 or > 65535)))
        {
            errors.Add(new FieldError("ports", "Must be at most 60 numbers from 1 to 65535."));
        }

        CheckEnvironment(errors, request.Env);
        return errors;
    }

    /// <summary>Adds what is wrong with a label, if anything.</summary>
    public static void CheckLabel(List<FieldError> errors, string field, string? label)
    {
        if (label is not null && (label.Trim().Length is 0 or > LabelLength || label.Any(char.IsControl)))
        {
            errors.Add(new FieldError(field, $"Must be 1 to {LabelLength} characters without control characters."));
        }
    }

    private static void CheckChoice(CreateInstanceRequest request, List<FieldError> errors)
    {
        var wizard = request.UseWizard == true;
        if (request.OfferId is null && !wizard)
        {
            errors.Add(new FieldError("offer_id", "Is required: an id of GET /instances/offers; or send use_wizard=true with filters.", "missing"));
        }

        if (request.OfferId is not null && wizard)
        {
            errors.Add(new FieldError("offer_id", "Leave it out with use_wizard=true: the server chooses the offer."));
        }

        if (request.OfferId is < 1)
        {
            errors.Add(new FieldError("offer_id", "Must be a positive integer."));
        }
    }

    private static void CheckEnvironment(List<FieldError> errors, IReadOnlyDictionary<string, string>? environment)
    {
        if (environment is null)
        {
            return;
        }

        if (environment.Count > 64)
        {
            errors.Add(new FieldError("env", "Must be at most 64 variables."));
        }

        foreach (var (name, value) in environment)
        {
            if (!VariablePattern().IsMatch(name) || value is not { Length: <= 256 } || value.Any(char.IsControl))
            {
                errors.Add(new FieldError($"env.{name}", "Names are letters, digits and underscores; values at most 256 characters on one line."));
            }
        }
    }

    private static void Range(List<FieldError> errors, string field, double? value, double min, double max)
    {
        if (value is { } number && !(number >= min && number <= max))
        {
            errors.Add(new FieldError(field, FormattableString.Invariant($"Must be from {min} to {max}.")));
        }
    }

    [GeneratedRegex(@"\A[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,1023}\z")]
    private static partial Regex ImagePattern();

    [GeneratedRegex(@"\A[A-Za-z_][A-Za-z0-9_]{0,127}\z")]
    private static partial Regex VariablePattern();
}
