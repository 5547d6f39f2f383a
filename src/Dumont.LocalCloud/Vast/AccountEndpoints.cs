using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.Http;
using Dumont.LocalCloud.Machines;

namespace Dumont.LocalCloud.Vast;

/// <summary>The account: its money, its SSH keys, and the keys of single instances.</summary>
internal sealed class AccountEndpoints(VastCloud cloud, ContractBook book, VolumeFiles files, MachineSupervisor machines, TimeProvider time)
{
    private const int KeyMax = 8192;

    private static readonly CloudOperation Keys = CloudOperation.Of("vast", CloudOperation.Keys);

    public void Map(RouteGroupBuilder v0)
    {
        v0.MapGet("/users/current", CurrentUser).Does(CloudOperation.Of("vast", CloudOperation.Balance));
        v0.MapGet("/ssh", ListKeys).Does(Keys);
        v0.MapPost("/ssh", (Delegate)AddKeyAsync).Does(Keys);
        v0.MapPut("/ssh/{keyId:long}", ReplaceKeyAsync).Does(Keys);
        v0.MapDelete("/ssh/{keyId:long}", DeleteKey).Does(Keys);
        v0.MapGet("/instances/{id:long}/ssh", ListInstanceKeys).Does(Keys);
        v0.MapPost("/instances/{id:long}/ssh", AttachKeyAsync).Does(Keys);
        v0.MapDelete("/instances/{id:long}/ssh/{keyId:long}", DetachKey).Does(Keys);
    }

    private JsonAnswer CurrentUser()
    {
        lock (book.Gate)
        {
            return new JsonAnswer(new JsonObject
            {
                ["id"] = 100_001,
                ["username"] = "local",
                ["email"] = "local@example.invalid",
                ["credit"] = book.CreditMicroUsd / 1e6,
                // The provider keeps spendable money under credit; balance is what is owed.
                ["balance"] = 0,
                ["balance_threshold"] = 0,
                ["can_pay"] = true,
                ["ssh_key"] = book.Ledger.Keys.FirstOrDefault()?.PublicKey,
                ["sid"] = "local",
                // Old clients take it out before they show the rest, and fail where it is missing.
                ["api_key"] = "",
                ["has_billing"] = true,
            });
        }
    }

    private JsonAnswer ListKeys()
    {
        lock (book.Gate)
        {
            return new JsonAnswer(new JsonArray([.. book.Ledger.Keys.Select(ToJson)]));
        }
    }

    private async Task<IResult> AddKeyAsync(HttpContext http)
    {
        var text = KeyOf(await RequestBody.ReadAsync(http));
        lock (book.Gate)
        {
            return new JsonAnswer(new JsonObject { ["success"] = true, ["key"] = ToJson(EnsureKey(text)) });
        }
    }

    private async Task<IResult> ReplaceKeyAsync(long keyId, HttpContext http)
    {
        var text = KeyOf(await RequestBody.ReadAsync(http));
        lock (book.Gate)
        {
            var index = book.Ledger.Keys.FindIndex(key => key.Id == keyId);
            if (index < 0)
            {
                return NoSuchKey(keyId);
            }

            book.Ledger.Keys[index] = book.Ledger.Keys[index] with { PublicKey = text };
            book.SaveLedger();
            return new JsonAnswer(new JsonObject { ["success"] = true, ["key"] = ToJson(book.Ledger.Keys[index]) });
        }
    }

    private IResult DeleteKey(long keyId)
    {
        lock (book.Gate)
        {
            if (book.Ledger.Keys.RemoveAll(key => key.Id == keyId) == 0)
            {
                return NoSuchKey(keyId);
            }

            book.SaveLedger();
            return InstanceEndpoints.Answer(null);
        }
    }

    private IResult ListInstanceKeys(long id)
    {
        lock (book.Gate)
        {
            // A list inside a text: the provider encodes it twice.
            return book.Find(id) is { } contract
                ? new JsonAnswer(new JsonObject
                {
                    ["success"] = true,
                    ["ssh_keys"] = new JsonArray([.. contract.Keys.Select(ToJson)]).ToJsonString(),
                })
                : VastProblem.NoSuchInstance(id);
        }
    }

    private async Task<IResult> AttachKeyAsync(long id, HttpContext http)
    {
        var text = KeyOf(await RequestBody.ReadAsync(http));
        SshKey key;
        lock (book.Gate)
        {
            if (book.Find(id) is not { } contract)
            {
                return VastProblem.NoSuchInstance(id);
            }

            key = contract.Keys.Find(known => known.PublicKey == text)
                ?? book.Ledger.Keys.Find(known => known.PublicKey == text)
                ?? new SshKey(book.Ledger.NextKeyId++, text, time.GetUtcNow());
            book.SaveLedger();
        }

        return Apply(id, cloud.AttachKey(id, key));
    }

    private IResult DetachKey(long id, long keyId) => Apply(id, cloud.DetachKey(id, keyId));

    private IResult Apply(long id, VastProblem? problem)
    {
        lock (book.Gate)
        {
            if (problem is null && book.Find(id) is { WantsToRun: true } contract)
            {
                machines.ApplyKeys(contract.MachineKey, ContractMachines.SpecOf(contract, files).Keys);
            }
        }

        return problem ?? (IResult)new JsonAnswer(new JsonObject { ["success"] = true, ["msg"] = "ssh keys of the instance changed" });
    }

    private SshKey EnsureKey(string text)
    {
        if (book.Ledger.Keys.Find(key => key.PublicKey == text) is { } known)
        {
            return known;
        }

        var added = new SshKey(book.Ledger.NextKeyId++, text, time.GetUtcNow());
        book.Ledger.Keys.Add(added);
        book.SaveLedger();
        return added;
    }

    private static string KeyOf(JsonObject body)
    {
        var text = body.Text("ssh_key")?.Trim();
        var words = text?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var isKey = text is { Length: <= KeyMax } && !text.Any(char.IsControl) && words.Length >= 2
            && (words[0].StartsWith("ssh-", StringComparison.Ordinal) || words[0].StartsWith("ecdsa-", StringComparison.Ordinal)
                || words[0].StartsWith("sk-", StringComparison.Ordinal));
        return isKey ? text! : throw new BadRequestException("ssh_key is not an OpenSSH public key");
    }

    private static VastProblem NoSuchKey(long keyId) => new(404, "no_such_ssh_key", $"ssh key {keyId} does not exist");

    private static JsonObject ToJson(SshKey key) => new()
    {
        ["id"] = key.Id,
        ["user_id"] = 100_001,
        ["public_key"] = key.PublicKey,
        ["created_at"] = key.CreatedAt.ToString("O", CultureInfo.InvariantCulture),
        ["deleted_at"] = null,
    };
}
